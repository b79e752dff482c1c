import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';
import type { PinnedLog } from './generated/client.js';

export type PinnedLogRow = PinnedLog;

/**
 * Binds this database to one log, for good: the first to be named is kept.
 *
 * @throws StoreError `log-conflict` when another origin or key is bound already
 */
export async function pinLog(
  db: Database,
  log: { origin: string; vkey: string },
  now: Date,
): Promise<PinnedLogRow> {
  return transaction(db, async (queries) => {
    await queries.$executeRaw`LOCK TABLE pinned_log IN EXCLUSIVE MODE`;
    const pinned = await findPinnedLog(queries);
    if (pinned === null) return queries.pinnedLog.create({ data: { ...log, pinnedAt: now } });
    if (pinned.origin !== log.origin || pinned.vkey !== log.vkey) {
      throw new StoreError(
        'log-conflict',
        `this database holds entries of log ${pinned.vkey}; the log now says it is ${log.vkey}. Point LOG_URL to the first, or begin with an empty database`,
      );
    }
    return pinned;
  });
}

export function findPinnedLog(queries: Queries): Promise<PinnedLogRow | null> {
  return queries.pinnedLog.findFirst();
}

/** A checkpoint of the pinned log that was verified: the signed note, and how many leaves it has. */
export interface SeenCheckpoint {
  readonly note: string;
  readonly size: number;
}

/**
 * Keeps a checkpoint as the largest that was seen, if `before` still is.
 *
 * @returns whether it did; false when another coordinator was faster, or the log has forked
 */
export async function keepCheckpoint(
  db: Database,
  before: SeenCheckpoint | undefined,
  next: SeenCheckpoint,
  now: Date,
): Promise<boolean> {
  const { count } = await db.pinnedLog.updateMany({
    where: { checkpoint: before?.note ?? null, forkCheckpoint: null },
    data: { checkpoint: next.note, size: BigInt(next.size), seenAt: now },
  });
  return count > 0;
}

/** Notes, for good, that the log signed `note` beside the checkpoint that is kept. */
export async function recordFork(db: Database, note: string, now: Date): Promise<void> {
  await db.pinnedLog.updateMany({
    where: { forkCheckpoint: null },
    data: { forkCheckpoint: note, forkSeenAt: now },
  });
}
