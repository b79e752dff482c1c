import { Controller, Get, Header, Inject } from '@nestjs/common';
import { logRoutes, openApiDocument, rekorRoutes } from '@touchstone/contract';
import type { Sweep } from './attestations/sweep.js';
import { HttpProblem } from './http-problem.js';
import type { Log } from './log.js';
import type { LogMetrics } from './metrics.js';
import type { Scrub } from './scrub/scrub.js';
import { LOG, METRICS, SCRUB, SWEEP } from './tokens.js';

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
  readonly #scrub: Scrub;

  constructor(
    @Inject(LOG) log: Log,
    @Inject(METRICS) metrics: LogMetrics,
    @Inject(SWEEP) sweep: Sweep,
    @Inject(SCRUB) scrub: Scrub,
  ) {
    this.#log = log;
    this.#metrics = metrics;
    this.#sweep = sweep;
    this.#scrub = scrub;
  }

  /** The process answers. */
  @Get('healthz')
  @Header('Cache-Control', 'no-store')
  health(): { status: string } {
    return { status: 'ok' };
  }

  /** The log takes entries, or is frozen and takes none by its own word. */
  @Get('readyz')
  @Header('Cache-Control', 'no-store')
  ready(): { status: string; size: number; frozen: boolean; warnings?: string[] } {
    const { failure, size, frozen } = this.#log;
    if (failure) throw new HttpProblem('log-stopped', 503, failure.message, { cause: failure });
    const warnings = [this.#sweep.warning, this.#scrub.warning].filter((one) => one !== undefined);
    return { status: 'ready', size, frozen, ...(warnings.length > 0 && { warnings }) };
  }

  @Get('metrics')
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    const { size, queued, failure } = this.#log;
    return this.#metrics.text({
      size,
      queued,
      stopped: failure !== undefined,
      frozen: this.#log.frozen,
    });
  }

  @Get('openapi.json')
  openApi(): object {
    return document;
  }
}
