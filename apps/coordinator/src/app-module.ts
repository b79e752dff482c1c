import { Module, type DynamicModule, type FactoryProvider, type Type } from '@nestjs/common';
import type { Evidence, Policy } from '@touchstone/attest';
import type { Database } from '@touchstone/store';
import { LeasesController } from './leases/leases.controller.js';
import type { LeaseDesk } from './leases/lease-desk.js';
import type { LogKeys } from './log/log-keys.js';
import type { Metrics } from './operations/metrics.js';
import { OperationsController, type Readiness } from './operations/operations.controller.js';
import { PublicationsController } from './publications/publications.controller.js';
import { UploadsController } from './publications/uploads.controller.js';
import { RebuildersController } from './rebuilders/rebuilders.controller.js';
import { SitesController, type TakeAcknowledgement } from './sites/sites.controller.js';
import {
  ACKNOWLEDGEMENTS,
  CLOCK,
  DATABASE,
  EVIDENCE,
  LEASE_DESK,
  LOG_KEYS,
  METRICS,
  POLICY,
  READINESS,
  RELAY,
  STOPPING,
} from './tokens.js';

/** What the process is made of, put together in start.ts. */
export interface Parts {
  readonly db: Database;
  readonly policy: Policy;
  readonly now: () => number;
  readonly desk: LeaseDesk;
  readonly keys: LogKeys;
  readonly acknowledgements: TakeAcknowledgement;
  readonly evidence: (publicationId: string) => Promise<Evidence>;
  readonly relay: () => void;
  readonly stopping: AbortSignal;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

@Module({ controllers: [PublicationsController, UploadsController] })
class PublicationsModule {}

@Module({ controllers: [RebuildersController] })
class RebuildersModule {}

@Module({ controllers: [LeasesController] })
class LeasesModule {}

@Module({ controllers: [SitesController] })
class SitesModule {}

@Module({ controllers: [OperationsController] })
class OperationsModule {}

@Module({})
class PartsModule {}

@Module({})
export class AppModule {
  static of(parts: Parts): DynamicModule {
    const rooms: Type[] = [
      ...[PublicationsModule, RebuildersModule, LeasesModule],
      ...[SitesModule, OperationsModule],
    ];
    return { module: AppModule, imports: [partsModule(parts), ...rooms] };
  }
}

function partsModule(parts: Parts): DynamicModule {
  const values = new Map<symbol, unknown>([
    [DATABASE, parts.db],
    [POLICY, parts.policy],
    [CLOCK, parts.now],
    [LEASE_DESK, parts.desk],
    [LOG_KEYS, parts.keys],
    [EVIDENCE, parts.evidence],
    [ACKNOWLEDGEMENTS, parts.acknowledgements],
    [RELAY, parts.relay],
    [STOPPING, parts.stopping],
    [METRICS, parts.metrics],
    [READINESS, parts.readiness],
  ]);
  const providers = [...values].map(([provide, value]): FactoryProvider => ({
    provide,
    useFactory: () => value,
  }));
  return { module: PartsModule, global: true, providers, exports: [...values.keys()] };
}
