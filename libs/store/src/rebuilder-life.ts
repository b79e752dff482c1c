import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';
import type { RebuilderKey } from './generated/client.js';
import { excludeSubmissions } from './publications.js';
import { listRebuilders, type NewRebuilder, type RebuilderRow } from './rebuilders.js';

/** A key that signs no more, and what is in the log of it. */
export interface RetiredKey {
  readonly rebuilderId: string;
  readonly algorithm: string;
  readonly spki: Uint8Array;
  /** Index of the last entry that it signed; null when there is none. */
  readonly lastIndex: number | null;
  /** Statements of it that were accepted and are not in the log yet. */
  readonly pending: number;
}

/**
 * Gives a rebuilder another key from now on. Its leases end, so that nothing is accepted that the
 * old key signed; what was accepted before stays. The same rotation again changes nothing.
 *
 * @param admit as in `enrolRebuilder`
 * @throws StoreError `rebuilder-unknown`, `rebuilder-withdrawn`, `key-conflict`
 */
export async function rotateRebuilderKey(
  db: Database,
  id: string,
  key: Pick<NewRebuilder, 'algorithm' | 'spki' | 'keyId'>,
  now: Date,
  admit: (rebuilders: readonly NewRebuilder[]) => void,
): Promise<RebuilderRow> {
  return transaction(db, async (queries) => {
    const rebuilder = await lockRebuilder(queries, id);
    if (rebuilder.keyId === key.keyId) return rebuilder;
    const known = await queries.rebuilderKey.findUnique({ where: { keyId: key.keyId } });
    if (known !== null) {
      throw new StoreError('key-conflict', `this key is or was that of ${known.rebuilderId}`);
    }
    const others = (await listRebuilders(queries)).filter((other) => other.id !== id);
    admit([...others, { ...rebuilder, ...key }]);
    const spki = new Uint8Array(key.spki);
    await retireKeys(queries, id, now);
    await queries.rebuilderKey.create({ data: { ...key, spki, rebuilderId: id, enrolledAt: now } });
    await queries.$executeRaw`
      WITH ended AS (
        UPDATE rebuild SET state = 'queued', due_at = ${now}, lease_hash = NULL,
                           lease_expires_at = NULL
         WHERE rebuilder_id = ${id} AND state = 'leased' RETURNING id
      )
      INSERT INTO outbox (kind, subject, due_at) SELECT 'enqueue', id, ${now} FROM ended`;
    return queries.rebuilder.update({ where: { id }, data: { ...key, spki } });
  });
}

/**
 * Withdraws a rebuilder for good: what it owes is owed no more, and its key signs nothing further.
 * What it said before stays. Withdrawing it again changes nothing.
 *
 * @throws StoreError `rebuilder-unknown`
 */
export async function withdrawRebuilder(
  db: Database,
  id: string,
  now: Date,
): Promise<RebuilderRow> {
  return transaction(db, async (queries) => {
    const rebuilder = await lockRebuilder(queries, id, true);
    if (rebuilder.withdrawnAt !== null) return rebuilder;
    await retireKeys(queries, id, now);
    await queries.rebuild.updateMany({
      where: { rebuilderId: id, state: { in: ['queued', 'leased'] } },
      data: { state: 'withdrawn', leaseHash: null, leaseExpiresAt: null },
    });
    return queries.rebuilder.update({ where: { id }, data: { withdrawnAt: now } });
  });
}

/** The keys of all rebuilders that sign no more. */
export async function listRetiredKeys(queries: Queries): Promise<RetiredKey[]> {
  const keys = await queries.rebuilderKey.findMany({
    where: { retiredAt: { not: null } },
    orderBy: { enrolledAt: 'asc' },
  });
  return Promise.all(
    keys.map(async ({ keyId, rebuilderId, algorithm, spki }: RebuilderKey) => {
      const [{ _max }, pending] = await Promise.all([
        queries.attestation.aggregate({ where: { keyId }, _max: { logIndex: true } }),
        queries.attestation.count({ where: { keyId, state: 'pending' } }),
      ]);
      const lastIndex = _max.logIndex === null ? null : Number(_max.logIndex);
      return { rebuilderId, algorithm, spki, lastIndex, pending };
    }),
  );
}

/** Held until the transaction ends: no submission owes it anything meanwhile. */
async function lockRebuilder(
  queries: Queries,
  id: string,
  withdrawn = false,
): Promise<RebuilderRow> {
  await excludeSubmissions(queries);
  const rebuilder = await queries.rebuilder.findUnique({ where: { id } });
  if (rebuilder === null) throw new StoreError('rebuilder-unknown', `there is no rebuilder ${id}`);
  if (rebuilder.withdrawnAt !== null && !withdrawn) {
    throw new StoreError('rebuilder-withdrawn', `rebuilder ${id} is withdrawn; enrol another id`);
  }
  // Whoever reports holds the row of the rebuild until the report is accepted.
  await queries.$executeRaw`
    SELECT 1 FROM rebuild WHERE rebuilder_id = ${id} AND state = 'leased' FOR UPDATE`;
  return rebuilder;
}

async function retireKeys(queries: Queries, rebuilderId: string, now: Date): Promise<void> {
  await queries.rebuilderKey.updateMany({
    where: { rebuilderId, retiredAt: null },
    data: { retiredAt: now },
  });
}
