import type { IndexedLeaf, LogIndex, NewLeaf } from './log-index.js';

const HASH_SIZE = 32;
const FIRST_CAPACITY = 1024;

/** The index of a log without a database: made from the tiles at every start. */
export class MemoryLogIndex implements LogIndex {
  #size = 0;
  // Millions of small objects would take several times the memory of what is in them.
  #hashes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #times = new Float64Array(FIRST_CAPACITY);
  readonly #byHash = new Map<string, number>();
  /** Most keys have one leaf, so one is not put into an array. */
  readonly #byKey = new Map<string, number | number[]>();

  async size(): Promise<number> {
    return this.#size;
  }

  async add(first: number, leaves: readonly NewLeaf[], integratedAt: number): Promise<void> {
    if (first !== this.#size) throw new Error(`the index does not end at leaf ${first}`);
    this.#grow(first + leaves.length);
    for (const { hash, keys } of leaves) {
      const index = this.#size++;
      this.#hashes.set(hash, index * HASH_SIZE);
      this.#times[index] = integratedAt;
      const id = idOf(hash);
      if (!this.#byHash.has(id)) this.#byHash.set(id, index);
      for (const key of new Set(keys)) this.#addKey(key, index);
    }
  }

  async find(hashes: readonly Uint8Array[]): Promise<(IndexedLeaf | undefined)[]> {
    return hashes.map((hash) => {
      const index = this.#byHash.get(idOf(hash));
      return index === undefined ? undefined : this.#leaf(index);
    });
  }

  async at(index: number): Promise<IndexedLeaf | undefined> {
    return index < this.#size ? this.#leaf(index) : undefined;
  }

  async search(keys: readonly string[], from: number, limit: number): Promise<IndexedLeaf[]> {
    const found = new Set(keys.flatMap((key) => this.#byKey.get(key) ?? []));
    return [...found]
      .filter((index) => index >= from)
      .sort((a, b) => a - b)
      .slice(0, limit)
      .map((index) => this.#leaf(index));
  }

  async clear(): Promise<void> {
    this.#size = 0;
    this.#byHash.clear();
    this.#byKey.clear();
  }

  async close(): Promise<void> {
    await this.clear();
  }

  #leaf(index: number): IndexedLeaf {
    const at = index * HASH_SIZE;
    const hash = this.#hashes.slice(at, at + HASH_SIZE);
    return { index, hash, integratedAt: this.#times[index] as number };
  }

  #addKey(key: string, index: number): void {
    const under = this.#byKey.get(key);
    if (typeof under === 'object') under.push(index);
    else if (under !== undefined) this.#byKey.set(key, [under, index]);
    // A string put together of pieces keeps all of them, a kilobyte for a digest; its copy does not.
    else this.#byKey.set(Buffer.from(key).toString(), index);
  }

  #grow(size: number): void {
    let capacity = this.#times.length;
    if (size <= capacity) return;
    while (capacity < size) capacity *= 2;
    const hashes = new Uint8Array(capacity * HASH_SIZE);
    const times = new Float64Array(capacity);
    hashes.set(this.#hashes);
    times.set(this.#times);
    this.#hashes = hashes;
    this.#times = times;
  }
}

function idOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
