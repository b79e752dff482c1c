import { MerkleError, treeHasher, verifyConsistency } from '@touchstone/merkle';
import { parseCheckpoint, parseNote, type Checkpoint } from '@touchstone/note';
import { findPinnedLog, keepCheckpoint, recordFork, type Database } from '@touchstone/store';
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { LogError, type LogClient, type SignedCheckpoint } from './log-client.js';

const hasher = treeHasher((data) => createHash('sha256').update(data).digest());

/** A proof that does not hold is asked for again: once more, in case it was spoilt on its way. */
const TRIES = 2;

type Relation = 'same' | 'older' | 'newer' | 'fork';

export interface LogHeadParts {
  readonly db: Database;
  readonly log: Pick<LogClient, 'consistencyProof'>;
  readonly logger: Logger;
  readonly now: () => number;
}

/**
 * What was seen of the pinned log, by all coordinators of one database: the largest tree it signed.
 * Each further checkpoint must be proven to be of the same history. One that is not is kept beside
 * it, and from then on nothing is written to the log nor read of it until a person has decided.
 */
export class LogHead {
  readonly #parts: LogHeadParts;
  /** One after the other, so that those of one batch do not overtake one another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: LogHeadParts) {
    this.#parts = parts;
  }

  /** @throws LogError `log-forked` when the log was seen to sign two histories */
  async expectOneHistory(): Promise<void> {
    if (await this.forked()) throw forked();
  }

  async forked(): Promise<boolean> {
    const pinned = await findPinnedLog(this.#parts.db);
    return (pinned?.forkCheckpoint ?? null) !== null;
  }

  /**
   * Takes a checkpoint whose signature was checked.
   *
   * Crash order: proven, then kept. Dying between the two means that it is proven again.
   *
   * @throws LogError `log-forked`; `log-rolled-back` when the log no longer proves anything about
   *   the tree that was seen; of `LogClient.consistencyProof`
   */
  admit(seen: SignedCheckpoint): Promise<void> {
    const turn = this.#turn.then(() => this.#admit(seen));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #admit({ note, checkpoint }: SignedCheckpoint): Promise<void> {
    const { db, now } = this.#parts;
    const next = { note, size: checkpoint.size };
    for (;;) {
      const pinned = await findPinnedLog(db);
      if (pinned === null) throw new LogError('log-unproven', 'no log is pinned yet');
      if (pinned.forkCheckpoint !== null) throw forked();
      const { checkpoint: before } = pinned;
      if (before === null) {
        if (await keepCheckpoint(db, undefined, next, new Date(now()))) return;
        continue;
      }
      const kept = parseCheckpoint(parseNote(before).text);
      const relation = await this.#relation(kept, checkpoint);
      if (relation === 'fork') return this.#alarm(before, note);
      if (relation !== 'newer') return;
      const known = { note: before, size: kept.size };
      if (await keepCheckpoint(db, known, next, new Date(now()))) return;
    }
  }

  async #relation(kept: Checkpoint, seen: Checkpoint): Promise<Relation> {
    if (kept.size === seen.size) {
      return Buffer.compare(kept.root, seen.root) === 0 ? 'same' : 'fork';
    }
    const newer = seen.size > kept.size;
    const [from, to] = newer ? [kept, seen] : [seen, kept];
    for (let tries = 1; ; tries++) {
      const proof = await this.#proof(from.size, to.size, newer);
      try {
        const [size1, root1, size2, root2] = [from.size, from.root, to.size, to.root];
        verifyConsistency({ size1, root1, size2, root2, proof }, hasher);
        return newer ? 'newer' : 'older';
      } catch (error) {
        if (!(error instanceof MerkleError)) throw error;
        if (tries === TRIES) return 'fork';
      }
    }
  }

  async #proof(from: number, to: number, newer: boolean): Promise<Uint8Array[]> {
    try {
      return await this.#parts.log.consistencyProof(from, to);
    } catch (cause) {
      if (newer || !(cause instanceof LogError) || cause.code !== 'log-refused') throw cause;
      throw new LogError(
        'log-rolled-back',
        `the log signed a tree of ${to} leaves and now knows ${from}: it was set back`,
        { cause },
      );
    }
  }

  async #alarm(kept: string, note: string): Promise<never> {
    const { db, logger, now } = this.#parts;
    await recordFork(db, note, new Date(now()));
    logger.fatal({ code: 'log-forked', checkpoints: [kept, note] }, 'the log signed two histories');
    throw forked();
  }
}

function forked(): LogError {
  return new LogError(
    'log-forked',
    'the log signed two histories; both checkpoints are kept, and nothing goes on before a person decides',
  );
}
