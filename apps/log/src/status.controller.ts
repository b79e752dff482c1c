import { Controller, Get, Header, Inject } from '@nestjs/common';
import { logRoutes, openApiDocument, rekorRoutes } from '@touchstone/contract';
import type { Sweep } from './attestations/sweep.js';
import { HttpProblem } from './http-problem.js';
import type { Log } from './log.js';
import type { LogMetrics } from './metrics.js';
import { LOG, METRICS, SWEEP } from './tokens.js';

const document = openApiDocument(
  {
    title: 'Touchstone log',
    version: '1',
    description: 'Transparency log: writes after Rekor v2, reads after C2SP tlog-tiles, proofs',
  },
  { ...logRoutes, ...rekorRoutes },
);

/** For operators and their machines. */
@Controller()
export class StatusController {
  readonly #log: Log;
  readonly #metrics: LogMetrics;
  readonly #sweep: Sweep;

  constructor(
    @Inject(LOG) log: Log,
    @Inject(METRICS) metrics: LogMetrics,
    @Inject(SWEEP) sweep: Sweep,
  ) {
    this.#log = log;
    this.#metrics = metrics;
    this.#sweep = sweep;
  }

  /** The process answers. */
  @Get('healthz')
  @Header('Cache-Control', 'no-store')
  health(): { status: string } {
    return { status: 'ok' };
  }

  /** The log takes entries. */
  @Get('readyz')
  @Header('Cache-Control', 'no-store')
  ready(): { status: string; size: number; warnings?: string[] } {
    const { failure, size } = this.#log;
    if (failure) throw new HttpProblem('log-stopped', 503, failure.message, { cause: failure });
    const { warning } = this.#sweep;
    return { status: 'ready', size, ...(warning === undefined ? {} : { warnings: [warning] }) };
  }

  @Get('metrics')
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    const { size, queued, failure } = this.#log;
    return this.#metrics.text({ size, queued, stopped: failure !== undefined });
  }

  @Get('openapi.json')
  openApi(): object {
    return document;
  }
}
