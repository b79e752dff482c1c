import { cborItemLength } from '@touchstone/attest';
import type { Sha256 } from '@touchstone/merkle';
import { sha256 } from '@noble/hashes/sha2.js';
import { AirgapError } from './errors.js';
import { decodeRecord, MAX_RECORD_BYTES, type CarryRecord } from './record.js';

/** A hash that is fed piece by piece, such as node:crypto's. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export type NewHash = () => RunningHash;

/** Pure JavaScript; services hand in the platform's. */
export const nobleHash: NewHash = () => {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
};

/** The platform's one-call SHA-256 where there is one, and how to hash in pieces. */
export interface Hashing {
  readonly sha256?: Sha256;
  readonly newHash?: NewHash;
}

/**
 * Cuts a stream into records. Holds one record and one chunk of the stream at most, and checks
 * the digest in the last record; nothing may follow that one.
 *
 * @throws AirgapError `bundle-malformed`, `bundle-limit`, `bundle-truncated`, `bundle-digest`
 */
export async function* readRecords(
  chunks: AsyncIterable<Uint8Array>,
  newHash: NewHash = nobleHash,
): AsyncGenerator<CarryRecord, void, undefined> {
  const hash = newHash();
  const held = new Held();
  let ended = false as boolean;
  for await (const chunk of chunks) {
    held.add(chunk);
    for (;;) {
      const bytes = held.bytes;
      if (ended && bytes.length > 0) {
        throw new AirgapError('bundle-malformed', 'bytes follow the last record');
      }
      const length = bytes.length > 0 ? itemLength(bytes) : undefined;
      if (length === undefined) break;
      // A copy, so that what is handed out stays as it is when the buffer is used again.
      const item = bytes.slice(0, length);
      const record = decodeRecord(item);
      if (record.kind === 'end') {
        requireDigest(record.sha256, hash.digest());
        ended = true;
      } else {
        hash.update(item);
      }
      yield record;
      held.drop(length);
    }
  }
  if (!ended) {
    throw new AirgapError(
      'bundle-truncated',
      'the bundle ends before its last record; copy it again',
    );
  }
}

/** Bytes that came and are not used yet. Grows by doubling, so a long record costs no squares. */
class Held {
  #buffer = new Uint8Array(131_072);
  #begin = 0;
  #end = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#begin, this.#end);
  }

  add(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) {
      const used = this.bytes;
      const wanted = used.length + chunk.length;
      const target =
        wanted <= this.#buffer.length
          ? this.#buffer
          : new Uint8Array(Math.max(wanted, 2 * this.#buffer.length));
      target.set(used);
      this.#buffer = target;
      this.#begin = 0;
      this.#end = used.length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  drop(length: number): void {
    this.#begin += length;
    if (this.#begin === this.#end) this.#begin = this.#end = 0;
  }
}

function itemLength(bytes: Uint8Array): number | undefined {
  try {
    return cborItemLength(bytes, 0, { bytes: MAX_RECORD_BYTES, depth: 4, items: 64 });
  } catch (cause) {
    throw new AirgapError('bundle-limit', 'a record is malformed or larger than any can be', {
      cause,
    });
  }
}

function requireDigest(expected: Uint8Array, found: Uint8Array): void {
  if (expected.every((byte, at) => byte === found[at])) return;
  throw new AirgapError('bundle-digest', 'the bundle is damaged: its digest is another');
}
