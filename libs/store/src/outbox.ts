import type { Queries } from './database.js';
import type { OutboxKind } from './generated/client.js';

export interface OutboxRow {
  readonly id: bigint;
  readonly kind: OutboxKind;
  readonly subject: string;
  /** Attempts that failed so far. */
  readonly attempts: number;
}

/**
 * Claims rows that are due, oldest first, so that no other coordinator works on them before
 * `claimedUntil`. Whoever dies meanwhile leaves them to the others.
 */
export function claimOutbox(
  queries: Queries,
  claim: { kind: OutboxKind; now: Date; claimedUntil: Date; limit: number },
): Promise<OutboxRow[]> {
  const { kind, now, claimedUntil, limit } = claim;
  return queries.$queryRaw<OutboxRow[]>`
    UPDATE outbox SET claimed_until = ${claimedUntil}
     WHERE id IN (
       SELECT id FROM outbox
        WHERE kind = ${kind}::outbox_kind AND due_at <= ${now}
          AND (claimed_until IS NULL OR claimed_until <= ${now})
        ORDER BY due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, subject::text AS subject, attempts`;
}

/** Strikes rows off: what they asked for is done. */
export async function settleOutbox(queries: Queries, ids: readonly bigint[]): Promise<void> {
  await queries.outbox.deleteMany({ where: { id: { in: [...ids] } } });
}

/** Lets rows go, to be tried again from `dueAt` on. */
export async function postponeOutbox(
  queries: Queries,
  ids: readonly bigint[],
  dueAt: Date,
): Promise<void> {
  await queries.outbox.updateMany({
    where: { id: { in: [...ids] } },
    data: { claimedUntil: null, dueAt, attempts: { increment: 1 } },
  });
}
