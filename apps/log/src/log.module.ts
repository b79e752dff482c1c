import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DocumentsController } from './rekor/documents.controller.js';
import { EntriesController } from './rekor/entries.controller.js';
import type { Log } from './log.js';
import type { LogMetrics } from './metrics.js';
import { ProofsController } from './proofs.controller.js';
import type { Sigstore } from './rekor/sigstore.js';
import { StatusController } from './status.controller.js';
import { TilesController } from './tiles.controller.js';
import { LOG, METRICS, SIGSTORE, WRITE_TOKEN } from './tokens.js';

export interface LogParts {
  readonly log: Log;
  readonly metrics: LogMetrics;
  readonly sigstore: Sigstore;
  /** Null when anyone may write. */
  readonly writeToken: string | null;
}

@Module({})
export class LogModule {
  static of({ log, metrics, sigstore, writeToken }: LogParts): DynamicModule {
    return {
      module: LogModule,
      controllers: [
        EntriesController,
        DocumentsController,
        TilesController,
        ProofsController,
        StatusController,
      ],
      providers: [
        { provide: LOG, useFactory: () => log },
        { provide: SIGSTORE, useFactory: () => sigstore },
        { provide: METRICS, useFactory: () => metrics },
        { provide: WRITE_TOKEN, useFactory: () => writeToken },
      ],
    };
  }
}
