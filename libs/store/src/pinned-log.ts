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
