import {
  advanceLife,
  AttestError,
  beginLife,
  keysForSize,
  openLifeLeaf,
  type LogLife,
} from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import {
  fromBase64,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
} from '@touchstone/note';
import type { PinnedLogRow } from '@touchstone/store';
import type { LogClient, SignedCheckpoint } from './log-client.js';

export interface LogKeysParts {
  readonly log: Pick<LogClient, 'life' | 'inclusionProof'>;
  readonly pin: {
    get(): Promise<PinnedLogRow>;
    known(): Promise<PinnedLogRow | null>;
  };
}

/**
 * The keys of the pinned log, from the one that is pinned on. A log that gives itself another key
 * says so in a leaf that both keys sign: who trusts the first can follow. The leaves must stand in
 * the very tree that is then believed.
 */
export class LogKeys {
  readonly #parts: LogKeysParts;
  #life: LogLife | undefined;

  constructor(parts: LogKeysParts) {
    this.#parts = parts;
  }

  /**
   * Opens a checkpoint by the keys that speak for a tree of its size.
   *
   * @throws NoteError, AttestError, LogError; StoreError `log-conflict`
   */
  readonly open = async (note: string): Promise<SignedCheckpoint> => {
    const { vkey } = await this.#parts.pin.get();
    const life = (this.#life ??= beginLife(vkey));
    try {
      return await openBy(note, life);
    } catch (error) {
      const next = await this.#learn(vkey, note);
      if (next.keys.length === life.keys.length) throw error;
      return openBy(note, next);
    }
  };

  /** What is known of the log's keys, oldest first; null before a log is pinned. Asks nobody. */
  async known(): Promise<LogLife | null> {
    if (this.#life !== undefined) return this.#life;
    const pinned = await this.#parts.pin.known();
    return pinned === null ? null : beginLife(pinned.vkey);
  }

  /** Learns what the log has said of itself by now, proven by that checkpoint. */
  async refresh(signed: SignedCheckpoint): Promise<void> {
    const { vkey } = await this.#parts.pin.get();
    await this.#learn(vkey, signed.note);
  }

  async #learn(vkey: string, note: string): Promise<LogLife> {
    const { log } = this.#parts;
    const events = await log.life();
    const life = await lifeFrom(vkey, events);
    const signed = await openBy(note, life);
    for (const { index, leaf } of events) {
      await log.inclusionProof(index, fromBase64(leaf), signed);
    }
    this.#life = life;
    return life;
  }
}

/**
 * What leaves about a log come to for whoever trusts its first key. That they are in the log is not
 * checked here.
 *
 * @throws AttestError `life-malformed`, `life-signature`, `life-inconsistent`
 */
export async function lifeFrom(
  vkey: string,
  events: readonly { readonly index: number; readonly leaf: string }[],
): Promise<LogLife> {
  const { name: origin } = parseVerifierKey(vkey);
  let life = beginLife(vkey);
  for (const { index, leaf } of events) {
    const event = await openLifeLeaf(fromBase64(leaf), nodeVerifier);
    if (event.origin !== origin) {
      throw new AttestError('life-inconsistent', `leaf ${index} is about ${event.origin}`);
    }
    life = advanceLife(life, index, event);
  }
  return life;
}

async function openBy(note: string, life: LogLife): Promise<SignedCheckpoint> {
  const { size } = parseCheckpoint(parseNote(note).text);
  const keys = keysForSize(life, size).map(parseVerifierKey);
  const { checkpoint } = await openCheckpoint(note, keys, nodeVerifier);
  return { note, checkpoint };
}
