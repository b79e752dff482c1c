import { AttestError } from '@touchstone/attest';
import { parseVerifierKey } from '@touchstone/note';
import { findPinnedLog, pinLog, type Database, type PinnedLogRow } from '@touchstone/store';
import { LogError, type LogClient } from './log-client.js';
import { lifeFrom } from './log-keys.js';

/**
 * The log that this database belongs to. Its key comes from the environment, or else from the log
 * itself the first time; from then on it is kept in the database and a change is refused, but for
 * a key that the log itself passed its own on to.
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
    const claimed = named ?? (await log.identity());
    try {
      this.#pinned = await pinLog(db, claimed, new Date(now()));
    } catch (error) {
      const pinned = await findPinnedLog(db);
      if (pinned === null || !(await this.#follows(pinned, claimed.vkey))) throw error;
      this.#pinned = pinned;
    }
    return this.#pinned;
  }

  /** Whether the pinned log has given itself this key since. */
  async #follows(pinned: PinnedLogRow, vkey: string): Promise<boolean> {
    try {
      const life = await lifeFrom(pinned.vkey, await this.parts.log.life());
      return life.keys.some((key) => key.vkey === vkey);
    } catch (error) {
      // A log that cannot show it has not shown it.
      if (error instanceof AttestError || error instanceof LogError) return false;
      throw error;
    }
  }

  /** What is pinned already, or null. Asks nobody. */
  async known(): Promise<PinnedLogRow | null> {
    return this.#pinned ?? findPinnedLog(this.parts.db);
  }
}
