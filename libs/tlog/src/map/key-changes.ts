import { MAP_KEY_SIZE, MerkleError } from '@touchstone/merkle';
import type { BucketEntry } from './bucket.js';

/** New indices of one key, at the end of its list. */
export interface KeyChange extends BucketEntry {
  readonly indices: readonly number[];
}

const FIRST_CAPACITY = 256;

/**
 * What comes to a map at once: each key one time, however many leaves name it. Keys are copied into
 * memory in one piece, since many small pieces cost more than what is in them.
 */
export class KeyChanges {
  readonly #indices = new Map<string, { at: number; indices: number[] }>();
  #keys = Buffer.alloc(FIRST_CAPACITY * MAP_KEY_SIZE);

  /** Keys. */
  get size(): number {
    return this.#indices.size;
  }

  /** Leaves in ascending order. @throws MerkleError `map-key` for a key of another length */
  add(key: Uint8Array, index: number): void {
    if (key.length !== MAP_KEY_SIZE) {
      throw new MerkleError('map-key', `a key of the map has 32 bytes, not ${key.length}`);
    }
    const name = String.fromCharCode.apply(undefined, key as unknown as number[]);
    const change = this.#indices.get(name);
    if (change) {
      change.indices.push(index);
      return;
    }
    const at = this.size * MAP_KEY_SIZE;
    if (at === this.#keys.length) this.#keys = Buffer.concat([this.#keys], at * 2);
    this.#keys.set(key, at);
    this.#indices.set(name, { at, indices: [index] });
  }

  /** In the order of their keys; empty afterwards. */
  take(): KeyChange[] {
    const source = this.#keys;
    const sorted = [...this.#indices]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { at, indices }]) => ({ source, at, end: at + MAP_KEY_SIZE, indices }));
    this.#indices.clear();
    this.#keys = Buffer.alloc(FIRST_CAPACITY * MAP_KEY_SIZE);
    return sorted;
  }
}
