import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { EntriesController } from './entries.controller.js';
import type { Log } from './log.js';
import type { LogMetrics } from './metrics.js';
import { ProofsController } from './proofs.controller.js';
import { StatusController } from './status.controller.js';
import { TilesController } from './tiles.controller.js';
import { LOG, METRICS, WRITE_TOKEN } from './tokens.js';

export interface LogParts {
  readonly log: Log;
  readonly metrics: LogMetrics;
  /** Null when anyone may write. */
  readonly writeToken: string | null;
}

@Module({})
export class LogModule {
  static of({ log, metrics, writeToken }: LogParts): DynamicModule {
    return {
      module: LogModule,
      controllers: [EntriesController, TilesController, ProofsController, StatusController],
      providers: [
        { provide: LOG, useFactory: () => log },
        { provide: METRICS, useFactory: () => metrics },
        { provide: WRITE_TOKEN, useFactory: () => writeToken },
      ],
    };
  }
}
