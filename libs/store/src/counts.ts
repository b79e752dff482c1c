import type { Queries } from './database.js';
import type { AttestationState, OutboxKind, RebuildState } from './generated/client.js';

/** What there is of everything, for metrics. */
export interface StoreCounts {
  readonly rebuilds: ReadonlyMap<RebuildState, number>;
  readonly attestations: ReadonlyMap<AttestationState, number>;
  readonly outbox: ReadonlyMap<OutboxKind, number>;
}

export async function countRows(queries: Queries): Promise<StoreCounts> {
  const [rebuilds, attestations, outbox] = await Promise.all([
    queries.rebuild.groupBy({ by: ['state'], _count: true }),
    queries.attestation.groupBy({ by: ['state'], _count: true }),
    queries.outbox.groupBy({ by: ['kind'], _count: true }),
  ]);
  return {
    rebuilds: new Map(rebuilds.map((row) => [row.state, row._count])),
    attestations: new Map(attestations.map((row) => [row.state, row._count])),
    outbox: new Map(outbox.map((row) => [row.kind, row._count])),
  };
}
