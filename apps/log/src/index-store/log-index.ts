/** A leaf on its way into the index. */
export interface NewLeaf {
  /** RFC 6962 leaf hash. */
  readonly hash: Uint8Array;
  /** What it is found by; see `searchKeys`. */
  readonly keys: readonly string[];
}

/**
 * What a log derives from its tiles so that it need not read them all: which leaf stands where and
 * which leaves speak of what. Never the truth: it may be lost, and is then made anew. In
 * PostgreSQL (`StoredLogIndex`) or in a folder of its own (`LevelLogIndex`).
 */
export interface LogIndex {
  /** Leaves indexed: those below this index, all of them and no others. */
  size(): Promise<number>;
  /** Hash of the last leaf indexed: which tree this is the index of. */
  last(): Promise<Uint8Array | undefined>;
  /** Indexes the leaves from `first` on, which must be the size; all of them or none. */
  add(first: number, leaves: readonly NewLeaf[]): Promise<void>;
  /** Index of the first leaf with each of these hashes. */
  find(hashes: readonly Uint8Array[]): Promise<(number | undefined)[]>;
  /** Indices of leaves under any of these keys, from `from` on, ascending. */
  search(keys: readonly string[], from: number, limit: number): Promise<number[]>;
  clear(): Promise<void>;
  close(): Promise<void>;
}
