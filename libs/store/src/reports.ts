import { randomUUID } from 'node:crypto';
import { transaction, type Database } from './database.js';
import { StoreError } from './errors.js';
import type { RebuildState } from './generated/client.js';
import { lockLeasedRebuild, type LeaseClaim, type QueuedRebuild } from './leases.js';

/** A report whose statements were checked. */
export interface AcceptedReport {
  /** Hex SHA-256 over all of the report but its lease token. */
  readonly digest: string;
  readonly outcome: string;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  readonly modules: readonly {
    readonly name: string;
    readonly claimedSha256: string;
    readonly claimedSize: number;
    readonly outcome: string;
  }[];
  readonly attestations: readonly {
    readonly predicateType: string;
    /** DSSE envelope as canonical JSON. */
    readonly envelope: string;
  }[];
}

/**
 * Makes a report durable: rebuild, module outcomes, attestations, and what the log is owed, in one
 * transaction. Who repeats the same report gets the same answer.
 *
 * The lease is proven again under the row's lock, since it may have lapsed while the statements
 * were being checked.
 *
 * @throws StoreError of lockLeasedRebuild, or `report-conflict` when another report was accepted
 */
export async function acceptReport(
  db: Database,
  claim: LeaseClaim,
  report: AcceptedReport,
  now: Date,
): Promise<{ state: RebuildState; rebuild: QueuedRebuild }> {
  return transaction(db, async (queries) => {
    const row = await lockLeasedRebuild(queries, claim, now);
    const rebuild = {
      rebuildId: row.id,
      rebuilderId: row.rebuilderId,
      publicationId: row.publicationId,
      attempt: row.attempt,
    };
    if (row.state !== 'leased') {
      assertSameReport(row.reportDigest, report.digest);
      return { state: row.state, rebuild };
    }
    await queries.rebuild.update({
      where: { id: row.id },
      data: {
        state: 'reported',
        leaseExpiresAt: null,
        outcome: report.outcome,
        failureCode: report.failure?.code ?? null,
        failureMessage: report.failure?.message ?? null,
        reportDigest: report.digest,
        reportedAt: now,
      },
    });
    await queries.moduleOutcome.createMany({
      data: report.modules.map((module) => ({ ...module, rebuildId: row.id })),
    });
    const attestations = report.attestations.map((attestation) => ({
      ...attestation,
      id: randomUUID(),
      rebuildId: row.id,
      acceptedAt: now,
      // Rotation ends the leases, so this is the key that the statements were checked with.
      keyId: row.rebuilder.keyId,
    }));
    await queries.reportRefusal.deleteMany({ where: { rebuildId: row.id } });
    await queries.attestation.createMany({ data: attestations });
    await queries.outbox.createMany({
      data: attestations.map(({ id }) => ({ kind: 'log' as const, subject: id, dueAt: now })),
    });
    return { state: 'reported' as const, rebuild };
  });
}

function assertSameReport(accepted: string | null, offered: string): void {
  if (accepted !== offered) {
    throw new StoreError(
      'report-conflict',
      'another report of this rebuild was accepted; it cannot be replaced',
    );
  }
}
