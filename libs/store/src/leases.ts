import type { Recipe } from '@touchstone/contract';
import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';
import { parseRecipe } from './publications.js';
import { endRefused } from './refusals.js';

/** A lease as it was granted. `hash` is that of its token; the token itself is not kept. */
export interface GrantedLease {
  readonly rebuildId: string;
  readonly attempt: number;
  readonly expiresAt: Date;
  readonly recipeDigest: string;
  readonly recipe: Recipe;
}

/** A rebuild as the queue needs to know it. */
export interface QueuedRebuild {
  readonly rebuildId: string;
  readonly rebuilderId: string;
  readonly publicationId: string;
  /** Leases granted before: with the publication it makes the id of the job. */
  readonly attempt: number;
}

/**
 * Grants a queued rebuild to a worker of its rebuilder, if it may be had: still queued, due, and
 * at the attempt that the job was made for. Of any number of callers at once, one gets it.
 */
export async function grantLease(
  db: Database,
  lease: {
    rebuildId: string;
    rebuilderId: string;
    attempt: number;
    hash: string;
    expiresAt: Date;
    now: Date;
  },
): Promise<GrantedLease | undefined> {
  const { rebuildId, rebuilderId, attempt, hash, expiresAt, now } = lease;
  const [row] = await db.rebuild.updateManyAndReturn({
    where: { id: rebuildId, rebuilderId, attempt, state: 'queued', dueAt: { lte: now } },
    data: {
      state: 'leased',
      attempt: { increment: 1 },
      leaseHash: hash,
      leaseExpiresAt: expiresAt,
    },
    include: { publication: true },
  });
  if (row === undefined) return undefined;
  return {
    rebuildId,
    attempt: row.attempt,
    expiresAt,
    recipeDigest: row.publicationId,
    recipe: parseRecipe(row.publication.recipe),
  };
}

/** Who presents a lease: a rebuilder, and the hash of the token it holds. */
export interface LeaseClaim {
  readonly rebuildId: string;
  readonly rebuilderId: string;
  readonly hash: string;
}

/**
 * The rebuild a claim is about, locked until the transaction ends, and proven to belong to the
 * claimant's lease. It may be reported already; while it is leased the lease is live.
 *
 * @throws StoreError `rebuild-unknown`, `lease-not-yours`, `lease-lapsed`
 */
export async function lockLeasedRebuild(
  queries: Queries,
  { rebuildId, rebuilderId, hash }: LeaseClaim,
  now: Date,
) {
  await queries.$executeRaw`SELECT 1 FROM rebuild WHERE id = ${rebuildId}::uuid FOR UPDATE`;
  const row = await queries.rebuild.findUnique({
    where: { id: rebuildId },
    include: { publication: true, rebuilder: true },
  });
  if (row === null) {
    throw new StoreError('rebuild-unknown', `there is no rebuild ${rebuildId}`);
  }
  if (row.rebuilderId !== rebuilderId) {
    throw new StoreError('lease-not-yours', 'this rebuild belongs to another rebuilder');
  }
  if (row.state === 'queued' || row.state === 'refused' || row.state === 'withdrawn') {
    throw new StoreError('lease-lapsed', 'the lease has lapsed; lease the rebuild again');
  }
  if (row.leaseHash !== hash) {
    throw new StoreError('lease-not-yours', 'the lease is held by another worker');
  }
  if (row.leaseExpiresAt !== null && row.leaseExpiresAt <= now) {
    throw new StoreError('lease-lapsed', 'the lease has lapsed; lease the rebuild again');
  }
  return row;
}

/** @throws StoreError of {@link lockLeasedRebuild}, and `lease-lapsed` once it was reported */
async function lockUnreported(
  ...[queries, claim, now]: Parameters<typeof lockLeasedRebuild>
): ReturnType<typeof lockLeasedRebuild> {
  const row = await lockLeasedRebuild(queries, claim, now);
  if (row.state === 'leased') return row;
  throw new StoreError('lease-lapsed', 'the rebuild was reported already');
}

/** Moves the end of a live lease to `expiresAt`. @throws StoreError of {@link lockLeasedRebuild} */
export async function extendLease(
  db: Database,
  claim: LeaseClaim,
  expiresAt: Date,
  now: Date,
): Promise<QueuedRebuild> {
  return transaction(db, async (queries) => {
    const row = await lockUnreported(queries, claim, now);
    await queries.rebuild.update({
      where: { id: row.id },
      data: { leaseExpiresAt: expiresAt },
    });
    return queuedRebuild(row);
  });
}

/**
 * Gives a live lease back; the rebuild is queued again at once, or ends if a report was refused.
 *
 * @throws StoreError of {@link lockLeasedRebuild}
 */
export async function releaseLease(
  db: Database,
  claim: LeaseClaim,
  now: Date,
): Promise<QueuedRebuild> {
  return transaction(db, async (queries) => {
    const row = await lockUnreported(queries, claim, now);
    await requeue(queries, row.id, now);
    return queuedRebuild(row);
  });
}

/**
 * Puts the rebuilds whose leases ran out back into the queue, each after a pause that grows with
 * its attempts. There is no last attempt: only the rebuilder may say that a rebuild failed.
 *
 * @param backoff milliseconds to wait after that many attempts
 */
export async function requeueLapsedLeases(
  db: Database,
  now: Date,
  backoff: (attempt: number) => number,
  limit = 100,
): Promise<QueuedRebuild[]> {
  return transaction(db, async (queries) => {
    const lapsed = await queries.$queryRaw<QueuedRebuild[]>`
      SELECT id AS "rebuildId", rebuilder_id AS "rebuilderId",
             publication_id AS "publicationId", attempt
        FROM rebuild WHERE state = 'leased' AND lease_expires_at <= ${now}
       ORDER BY lease_expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`;
    for (const { rebuildId, attempt } of lapsed) {
      await requeue(queries, rebuildId, new Date(now.getTime() + backoff(attempt)));
    }
    return lapsed;
  });
}

/** Ends a lease without a report. The rebuild is owed again, unless a report of it was refused. */
async function requeue(queries: Queries, rebuildId: string, dueAt: Date): Promise<void> {
  if (await endRefused(queries, rebuildId)) return;
  await queries.rebuild.update({
    where: { id: rebuildId },
    data: { state: 'queued', dueAt, leaseHash: null, leaseExpiresAt: null },
  });
  await queries.outbox.create({ data: { kind: 'enqueue', subject: rebuildId, dueAt } });
}

/** A rebuild that waits for a worker, or undefined when it does not. */
export async function findQueuedRebuild(
  queries: Queries,
  rebuildId: string,
): Promise<QueuedRebuild | undefined> {
  const row = await queries.rebuild.findUnique({ where: { id: rebuildId } });
  return row?.state === 'queued' ? queuedRebuild(row) : undefined;
}

/** Rebuilds that are due and wait for a worker of this rebuilder, in order of id after `after`. */
export async function listQueuedRebuilds(
  queries: Queries,
  page: { rebuilderId: string; now: Date; after: string | undefined; limit: number },
): Promise<QueuedRebuild[]> {
  const rows = await queries.rebuild.findMany({
    where: {
      rebuilderId: page.rebuilderId,
      state: 'queued',
      dueAt: { lte: page.now },
      ...(page.after === undefined ? {} : { id: { gt: page.after } }),
    },
    orderBy: { id: 'asc' },
    take: page.limit,
  });
  return rows.map(queuedRebuild);
}

function queuedRebuild(row: {
  id: string;
  rebuilderId: string;
  publicationId: string;
  attempt: number;
}): QueuedRebuild {
  return {
    rebuildId: row.id,
    rebuilderId: row.rebuilderId,
    publicationId: row.publicationId,
    attempt: row.attempt,
  };
}
