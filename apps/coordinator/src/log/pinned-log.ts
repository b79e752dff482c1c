import { parseVerifierKey } from '@touchstone/note';
import { findPinnedLog, pinLog, type Database, type PinnedLogRow } from '@touchstone/store';
import type { LogClient } from './log-client.js';

/**
 * The log that this database belongs to. Its key comes from the environment, or else from the log
 * itself the first time; from then on it is kept in the database and a change is refused.
 */
export class LogPin {
  #pinned: PinnedLogRow | undefined;

  constructor(
    private readonly parts: {
      db: Database;
      log: LogClient;
      vkey: string | undefined;
      now: () => number;
    },
  ) {}

  /** What is pinned, pinning it first if need be. @throws StoreError `log-conflict`; LogError */
  async get(): Promise<PinnedLogRow> {
    if (this.#pinned !== undefined) return this.#pinned;
    const { db, log, vkey, now } = this.parts;
    const named = vkey === undefined ? undefined : { origin: parseVerifierKey(vkey).name, vkey };
    this.#pinned = await pinLog(db, named ?? (await log.identity()), new Date(now()));
    return this.#pinned;
  }

  /** What is pinned already, or null. Asks nobody. */
  async known(): Promise<PinnedLogRow | null> {
    return this.#pinned ?? findPinnedLog(this.parts.db);
  }
}
