import { lifeLeaf, LOG_LIFE_SCHEMA } from '@touchstone/attest';
import type { LifeEvent } from '@touchstone/attest';
import type { LifeAnswer } from '@touchstone/contract';
import type { PrivateKey } from '@touchstone/keys';
import { formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import { TlogError } from '@touchstone/tlog';
import { HttpProblem } from '../http-problem.js';
import type { IndexedLog } from '../index-store/indexed-log.js';
import type { LogMap } from '../map/log-map.js';
import { writeLifeCache } from './read-life.js';

const RETRY_MS = 1_000;

export interface LifeDeskOptions {
  readonly indexed: IndexedLog;
  readonly map: LogMap | null;
  readonly dir: string;
  readonly clock: () => Date;
  readonly told: (event: LifeEvent, index: number) => void;
}

/**
 * Rotates the key of the log and freezes it. The leaf is the commit point of each step: before it
 * is durable nothing has happened, and a process that starts after that reads it and goes on from
 * there. Asked again, a step that was done answers as if it had been done now.
 *
 * Rotation:
 *   1. the next key joins those that sign; one signature more breaks nobody,
 *   2. the announcement, signed by both keys, is durable: from here on both must sign,
 *   3. it is published, in a checkpoint signed by both.
 * Retirement:
 *   1. the leaf, signed by the key that stays, is durable,
 *   2. it is published, in a checkpoint that both keys may have signed,
 *   3. from here on the old key signs no more.
 * Freeze:
 *   1. the map covers all that was published,
 *   2. the log takes one leaf and no other: this one. It is durable,
 *   3. it is published.
 */
export class LifeDesk {
  readonly #options: LifeDeskOptions;
  #turn: Promise<unknown> = Promise.resolve();
  /** A leaf whose end is not known yet; `doubtful` when it may be in the tree. */
  #begun: { event: LifeEvent; leaf: Uint8Array; doubtful?: boolean } | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: LifeDeskOptions) {
    this.#options = options;
  }

  announce(): Promise<LifeAnswer> {
    return this.#inTurn(async () => {
      const { keys } = this.#options.indexed.log;
      this.#refuseFrozen();
      if (keys.successor) return;
      const next = keys.staged;
      if (!next) {
        throw conflict('start the log with LOG_NEXT_KEY_FILE, the key that it shall have next');
      }
      const from = keys.vkey;
      const to = formatVerifierKey(verifierKey(keys.origin, next.publicKey));
      keys.join(next);
      await this.#log({ ...this.#said(), event: 'rotate', from, to }, [keys.primary, next]);
    });
  }

  retire(): Promise<LifeAnswer> {
    return this.#inTurn(async () => {
      const { keys } = this.#options.indexed.log;
      this.#refuseFrozen();
      const { successor } = keys;
      if (!successor) {
        if (keys.events.at(-1)?.event.event === 'retire') return;
        throw conflict('no rotation is going on; announce the next key first');
      }
      const by = formatVerifierKey(verifierKey(keys.origin, successor.publicKey));
      await this.#log({ ...this.#said(), event: 'retire', key: keys.vkey, by }, [successor]);
    });
  }

  freeze(origin: string): Promise<LifeAnswer> {
    return this.#inTurn(async () => {
      const { indexed, map } = this.#options;
      const { log } = indexed;
      if (origin !== log.origin) {
        const detail = `this log is ${log.origin}, not ${origin}`;
        throw new HttpProblem('malformed-body', 400, detail, { field: 'origin' });
      }
      if (log.keys.life.frozen) return;
      if (log.keys.successor) throw conflict('a rotation is going on; retire the old key first');
      await map?.commitNow();
      const event: LifeEvent = { ...this.#said(), event: 'freeze', by: log.keys.vkey };
      await this.#log(event, [log.keys.primary]);
    });
  }

  close(): void {
    clearTimeout(this.#retry);
  }

  answer(): LifeAnswer {
    const { keys, origin } = this.#options.indexed.log;
    return {
      origin,
      keys: keys.life.keys.map((term) => ({ ...term })),
      frozen: keys.life.frozen ?? null,
      events: keys.events.map(({ index, leaf }) => ({ index, leaf: toBase64(leaf) })),
    };
  }

  #said(): Pick<LifeEvent, 'schema' | 'origin' | 'at'> {
    const { indexed, clock } = this.#options;
    const at = clock()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
    return { schema: LOG_LIFE_SCHEMA, origin: indexed.log.origin, at };
  }

  async #log(event: LifeEvent, signers: readonly PrivateKey[]): Promise<void> {
    const leaf = await lifeLeaf(event, signers);
    this.#begun = { event, leaf };
    await this.#finish();
  }

  /**
   * Takes what was begun to its end. When storage failed, the leaf may be in the tree: then
   * nothing else is done before the same leaf was asked for again, which makes one entry of it.
   */
  async #finish(): Promise<void> {
    if (!this.#begun) return;
    const { event, leaf, doubtful } = this.#begun;
    const { indexed, dir, told } = this.#options;
    const { log } = indexed;
    if (event.event === 'freeze') log.takeOnly(leaf);
    const { index, published } = await indexed.append(leaf).catch((error: unknown) => {
      this.#failed(doubtful === true || isDoubtful(error));
      throw error;
    });
    this.#begun = undefined;
    // Of a leaf that is durable the event has happened, whatever becomes of its checkpoint.
    const retired = event.event === 'retire';
    if (retired) await published.catch(() => undefined);
    log.keys.advance({ index, leaf, event });
    told(event, index);
    await writeLifeCache(dir, log.origin, index + 1, log.keys.events);
    if (retired) log.republish();
    await published;
  }

  #failed(doubtful: boolean): void {
    const { log } = this.#options.indexed;
    if (!doubtful) {
      this.#begun = undefined;
      log.keys.join(undefined);
      log.takeOnly(undefined);
      return;
    }
    if (this.#begun) this.#begun = { ...this.#begun, doubtful };
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#inTurn(() => Promise.resolve()).catch(() => undefined);
    }, RETRY_MS).unref();
  }

  #refuseFrozen(): void {
    if (this.#options.indexed.log.keys.life.frozen) throw conflict('the log is frozen');
  }

  #inTurn(work: () => Promise<void>): Promise<LifeAnswer> {
    const turn = this.#turn
      .then(() => this.#finish())
      .then(work)
      .then(() => this.answer());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function isDoubtful(error: unknown): boolean {
  return error instanceof TlogError && error.code === 'batch-failed';
}

function conflict(detail: string): HttpProblem {
  return new HttpProblem('life-conflict', 409, detail);
}
