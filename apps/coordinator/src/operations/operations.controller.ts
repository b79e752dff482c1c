import { Controller, Get, Header, Inject } from '@nestjs/common';
import { coordinatorRoutes, openApiDocument } from '@touchstone/contract';
import { METRICS, READINESS } from '../tokens.js';
import { ProblemError } from '../problem-error.js';
import type { Metrics } from './metrics.js';

/** Names what stands in the way, of database, queue and log; empty when all is well. */
export type Readiness = () => Promise<readonly string[]>;

const openApi = openApiDocument(
  {
    title: 'Touchstone coordinator',
    version: '1',
    description:
      'Publications, rebuilders, leases and evidence. Evidence is verified by who asks for it, offline.',
  },
  coordinatorRoutes,
);

@Controller()
export class OperationsController {
  constructor(
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(READINESS) private readonly readiness: Readiness,
  ) {}

  /** The process is there and answers. */
  @Get('healthz')
  @Header('cache-control', 'no-store')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** All it stands on is there too. */
  @Get('readyz')
  @Header('cache-control', 'no-store')
  async readyz(): Promise<{ status: 'ready' }> {
    const missing = await this.readiness();
    if (missing.length > 0) throw new ProblemError('not-ready', missing.join('; '));
    return { status: 'ready' };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metricsText(): Promise<string> {
    return this.metrics.registry.metrics();
  }

  @Get('openapi.json')
  openApi(): typeof openApi {
    return openApi;
  }
}
