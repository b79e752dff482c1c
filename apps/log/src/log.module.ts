import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { AttestationsController } from './attestations/attestations.controller.js';
import type { Sweep } from './attestations/sweep.js';
import type { LifeDesk } from './life/life-desk.js';
import { LifeController } from './life/life.controller.js';
import type { LogMap } from './map/log-map.js';
import { SearchController } from './map/search.controller.js';
import type { LogMetrics } from './metrics.js';
import { ProofsController } from './proofs.controller.js';
import { DocumentsController } from './rekor/documents.controller.js';
import { EntriesController } from './rekor/entries.controller.js';
import { ExportController } from './rekor/export.controller.js';
import type { Scrub } from './scrub/scrub.js';
import type { Sigstore } from './rekor/sigstore.js';
import type { V1Log } from './rekor/v1/v1-log.js';
import { V1Controller } from './rekor/v1/v1.controller.js';
import type { WriteDesk } from './rekor/write-desk.js';
import { StatusController } from './status.controller.js';
import { TilesController } from './tiles.controller.js';
import { TimesController } from './times.controller.js';
import type { CourierDesk } from './witnesses/courier-desk.js';
import { CouriersController } from './witnesses/couriers.controller.js';
import {
  ADMIN_TOKEN,
  ATTESTATIONS,
  COURIER_DESK,
  EXPORT_DESK,
  LIFE_DESK,
  LOG,
  LOG_MAP,
  METRICS,
  SCRUB,
  SIGSTORE,
  SWEEP,
  V1_LOG,
  WRITE_DESK,
  WRITERS,
} from './tokens.js';

export interface LogParts {
  readonly desk: WriteDesk;
  readonly metrics: LogMetrics;
  readonly sigstore: Sigstore;
  readonly sweep: Sweep;
  readonly scrub: Scrub;
  /** Null when the log has no key for clients of Rekor v1. */
  readonly v1: V1Log | null;
  /** Null when the log keeps no verifiable index. */
  readonly map: LogMap | null;
  readonly life: LifeDesk;
  readonly couriers: CourierDesk;
  /** Null when nobody may rotate or freeze over HTTP. */
  readonly adminToken: string | null;
}

@Module({})
export class LogModule {
  static of({
    desk,
    metrics,
    sigstore,
    sweep,
    scrub,
    v1,
    map,
    life,
    couriers,
    adminToken,
  }: LogParts): DynamicModule {
    return {
      module: LogModule,
      controllers: [
        EntriesController,
        V1Controller,
        DocumentsController,
        ExportController,
        AttestationsController,
        TilesController,
        ProofsController,
        LifeController,
        SearchController,
        TimesController,
        CouriersController,
        StatusController,
      ],
      providers: [
        { provide: LOG, useFactory: () => desk.indexed.log },
        { provide: WRITE_DESK, useFactory: () => desk },
        { provide: ATTESTATIONS, useFactory: () => desk.attestations },
        { provide: WRITERS, useFactory: () => desk.writers },
        {
          provide: EXPORT_DESK,
          useFactory: () => ({ log: desk.indexed.log, attestations: desk.attestations, v1 }),
        },
        { provide: V1_LOG, useFactory: () => v1 },
        { provide: LOG_MAP, useFactory: () => map },
        { provide: LIFE_DESK, useFactory: () => life },
        { provide: COURIER_DESK, useFactory: () => couriers },
        { provide: ADMIN_TOKEN, useFactory: () => adminToken },
        { provide: SWEEP, useFactory: () => sweep },
        { provide: SCRUB, useFactory: () => scrub },
        { provide: METRICS, useFactory: () => metrics },
        { provide: SIGSTORE, useFactory: () => sigstore },
      ],
    };
  }
}
