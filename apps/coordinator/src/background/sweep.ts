import {
  forgetRequestTokens,
  listQueuedRebuilds,
  listRebuilders,
  requeueLapsedLeases,
  type Database,
} from '@touchstone/store';
import type { Bell } from '../bell.js';
import type { RebuildQueue } from '../queue/rebuild-queue.js';

const BATCH = 500;

export interface SweepParts {
  readonly db: Database;
  readonly queue: RebuildQueue;
  readonly bell: Bell;
  readonly now: () => number;
  /** Milliseconds until a rebuild may be leased again after that many attempts. */
  readonly backoff: (attempt: number) => number;
}

/** Puts rebuilds whose leases lapsed back into the outbox. @returns how many there were */
export async function sweepLeases({ db, now, backoff }: SweepParts): Promise<number> {
  let count = 0;
  for (;;) {
    const lapsed = await requeueLapsedLeases(db, new Date(now()), backoff);
    count += lapsed.length;
    if (lapsed.length === 0) return count;
  }
}

/**
 * Fills a queue that has fewer jobs waiting than the database has rebuilds to wait, because its
 * tables were dropped or its memory flushed. Jobs that are there already stay as they are.
 */
export async function refillQueue({ db, queue, bell, now }: SweepParts): Promise<number> {
  await queue.prepare();
  let added = 0;
  for (const { id: rebuilderId } of await listRebuilders(db)) {
    const due = { rebuilderId, state: 'queued' as const, dueAt: { lte: new Date(now()) } };
    const expected = await db.rebuild.count({ where: due });
    if (expected === 0 || (await queue.waiting(rebuilderId)) >= expected) continue;
    let after: string | undefined;
    for (;;) {
      const page = { rebuilderId, now: new Date(now()), after, limit: BATCH };
      const rebuilds = await listQueuedRebuilds(db, page);
      if (rebuilds.length === 0) break;
      await queue.add(rebuilderId, rebuilds);
      added += rebuilds.length;
      after = rebuilds.at(-1)?.rebuildId;
    }
    bell.ring(rebuilderId);
  }
  return added;
}

/** How far the clocks of coordinators on one database may be apart. */
const CLOCKS_APART_MILLISECONDS = 600_000;

/**
 * Forgets request tokens that no coordinator would take any more. Were they forgotten by the clock
 * of the one that is ahead, the one behind would take them a second time.
 */
export async function sweepRequestTokens({ db, now }: SweepParts): Promise<void> {
  await forgetRequestTokens(db, new Date(now() - CLOCKS_APART_MILLISECONDS));
}
