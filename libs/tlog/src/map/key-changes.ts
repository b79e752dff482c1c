import { MAP_KEY_SIZE, MerkleError } from '@touchstone/merkle';
import type { BucketEntry } from './bucket.js';

/** New indices of one key, at the end of its list. */
export interface KeyChange extends BucketEntry {
  readonly indices: readonly number[];
}

/** What comes to a map at once: each key one time, however many leaves name it. */
export class KeyChanges {
  readonly #changes = new Map<string, { source: Buffer; indices: number[] }>();

  /** Keys. */
  get size(): number {
    return this.#changes.size;
  }

  /** Leaves in ascending order. @throws MerkleError `map-key` for a key of another length */
  add(key: Uint8Array, index: number): void {
    if (key.length !== MAP_KEY_SIZE) {
      throw new MerkleError('map-key', `a key of the map has 32 bytes, not ${key.length}`);
    }
    const source = Buffer.from(key.buffer, key.byteOffset, key.length);
    const name = source.toString('latin1');
    const change = this.#changes.get(name);
    if (change) change.indices.push(index);
    else this.#changes.set(name, { source, indices: [index] });
  }

  /** In the order of their keys; empty afterwards. */
  take(): KeyChange[] {
    const names = [...this.#changes.keys()].sort();
    const sorted = names.map((name) => {
      const { source, indices } = this.#changes.get(name) as { source: Buffer; indices: number[] };
      return { source, at: 0, end: MAP_KEY_SIZE, indices };
    });
    this.#changes.clear();
    return sorted;
  }
}
