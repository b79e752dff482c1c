import type { IndexedLeaf, LogIndex, NewLeaf } from './log-index.js';

/** The index of a log without a database: made from the tiles at every start. */
export class MemoryLogIndex implements LogIndex {
  readonly #leaves: IndexedLeaf[] = [];
  readonly #byHash = new Map<string, number>();
  readonly #byKey = new Map<string, number[]>();

  async size(): Promise<number> {
    return this.#leaves.length;
  }

  async add(first: number, leaves: readonly NewLeaf[], integratedAt: number): Promise<void> {
    if (first !== this.#leaves.length) throw new Error(`the index does not end at leaf ${first}`);
    for (const { hash, keys } of leaves) {
      const index = this.#leaves.push({ index: this.#leaves.length, hash, integratedAt }) - 1;
      const id = idOf(hash);
      if (!this.#byHash.has(id)) this.#byHash.set(id, index);
      for (const key of new Set(keys)) {
        const under = this.#byKey.get(key);
        if (under) under.push(index);
        else this.#byKey.set(key, [index]);
      }
    }
  }

  async find(hashes: readonly Uint8Array[]): Promise<(IndexedLeaf | undefined)[]> {
    return hashes.map((hash) => {
      const index = this.#byHash.get(idOf(hash));
      return index === undefined ? undefined : this.#leaves[index];
    });
  }

  async at(index: number): Promise<IndexedLeaf | undefined> {
    return this.#leaves[index];
  }

  async search(keys: readonly string[], from: number, limit: number): Promise<IndexedLeaf[]> {
    const found = new Set(keys.flatMap((key) => this.#byKey.get(key) ?? []));
    return [...found]
      .filter((index) => index >= from)
      .sort((a, b) => a - b)
      .slice(0, limit)
      .map((index) => this.#leaves[index] as IndexedLeaf);
  }

  async clear(): Promise<void> {
    this.#leaves.length = 0;
    this.#byHash.clear();
    this.#byKey.clear();
  }

  async close(): Promise<void> {
    await this.clear();
  }
}

function idOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
