import {
  claimOutbox,
  findQueuedRebuild,
  postponeOutbox,
  settleOutbox,
  type Database,
  type QueuedRebuild,
} from '@touchstone/store';
import type { Bell } from '../bell.js';
import type { RebuildQueue } from '../queue/rebuild-queue.js';

const BATCH = 100;
/** How long other coordinators leave a claimed row alone. */
const CLAIM_MILLISECONDS = 30_000;

/**
 * Moves rebuilds from the outbox into the queue.
 *
 * Crash order: claim, add the job, strike the row off. Dying before the last leaves the row to be
 * done again when its claim runs out; adding a job that is there already changes nothing.
 *
 * @returns whether there may be more to do at once
 */
export async function relayOutbox(parts: {
  db: Database;
  queue: RebuildQueue;
  bell: Bell;
  now: () => number;
  retryMilliseconds: number;
}): Promise<boolean> {
  const { db, queue, bell, now, retryMilliseconds } = parts;
  const claimedAt = now();
  const rows = await claimOutbox(db, {
    kind: 'enqueue',
    now: new Date(claimedAt),
    claimedUntil: new Date(claimedAt + CLAIM_MILLISECONDS),
    limit: BATCH,
  });
  if (rows.length === 0) return false;
  const ids = rows.map(({ id }) => id);
  try {
    const byRebuilder = new Map<string, QueuedRebuild[]>();
    for (const { subject } of rows) {
      // What is leased or reported by now needs no job.
      const rebuild = await findQueuedRebuild(db, subject);
      if (rebuild === undefined) continue;
      const rebuilds = byRebuilder.get(rebuild.rebuilderId) ?? [];
      rebuilds.push(rebuild);
      byRebuilder.set(rebuild.rebuilderId, rebuilds);
    }
    for (const [rebuilderId, rebuilds] of byRebuilder) {
      await queue.add(rebuilderId, rebuilds);
      bell.ring(rebuilderId);
    }
  } catch (error) {
    await postponeOutbox(db, ids, new Date(now() + retryMilliseconds));
    throw error;
  }
  await settleOutbox(db, ids);
  return rows.length === BATCH;
}
