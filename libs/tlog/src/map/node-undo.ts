import { HASH_SIZE } from '@touchstone/merkle';
import type { MapNode } from './map-node.js';

const FIRST_CAPACITY = 1024;
/** A node and its place in one number, so that sorting is the engine's own. */
const PLACES = 2 ** 22;

/** What nodes of a table were before they changed: 52 bytes for each. */
export class NodeUndo {
  /** Nodes of the table before. */
  readonly count: number;
  #ids = new Uint32Array(FIRST_CAPACITY);
  #words = new Uint32Array(FIRST_CAPACITY * 2);
  #hashes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #size = 0;
  #sorted = new Float64Array();

  constructor(count: number) {
    this.count = count;
  }

  get size(): number {
    return this.#size;
  }

  /** In the order in which they were pushed. */
  get ids(): Uint32Array {
    return this.#ids.subarray(0, this.#size);
  }

  /** @returns its place here @throws RangeError when there are too many */
  push(id: number, { hash, place, length }: MapNode): number {
    const at = this.#size;
    if (at === PLACES) throw new RangeError('too many nodes of the map change at once');
    if (at === this.#ids.length) this.#grow(at * 2);
    this.#ids[at] = id;
    this.#words[at * 2] = place;
    this.#words[at * 2 + 1] = length;
    this.#hashes.set(hash, at * HASH_SIZE);
    this.#size++;
    return at;
  }

  at(index: number): MapNode {
    return {
      hash: this.#hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE),
      place: this.#words[index * 2] as number,
      length: this.#words[index * 2 + 1] as number,
    };
  }

  /** Nothing is pushed from here on, and nodes can be looked for. */
  seal(): void {
    this.#grow(this.#size);
    this.#sorted = Float64Array.from(this.#ids, (id, at) => id * PLACES + at).sort();
  }

  /** What a node was, when it is here; once it is sealed. */
  find(id: number): MapNode | undefined {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as number) < id * PLACES) low = middle + 1;
      else high = middle;
    }
    const found = this.#sorted[low];
    if (found === undefined || Math.floor(found / PLACES) !== id) return undefined;
    return this.at(found % PLACES);
  }

  #grow(capacity: number): void {
    const [ids, words, hashes] = [this.#ids, this.#words, this.#hashes];
    this.#ids = new Uint32Array(capacity);
    this.#words = new Uint32Array(capacity * 2);
    this.#hashes = new Uint8Array(capacity * HASH_SIZE);
    this.#ids.set(ids.subarray(0, this.#size));
    this.#words.set(words.subarray(0, this.#size * 2));
    this.#hashes.set(hashes.subarray(0, this.#size * HASH_SIZE));
  }
}
