import type { StoredLeaf } from '@touchstone/store';

/** A leaf on its way into the index. */
export interface NewLeaf {
  /** RFC 6962 leaf hash. */
  readonly hash: Uint8Array;
  /** What it is found by; see `searchKeys`. */
  readonly keys: readonly string[];
}

export type IndexedLeaf = StoredLeaf;

/**
 * What a log derives from its tiles so that it need not read them all: which leaf stands where and
 * which leaves speak of what. Never the truth: it may be lost, and is then made anew. In
 * PostgreSQL (`StoredLogIndex`) or in a folder of its own (`LevelLogIndex`).
 */
export interface LogIndex {
  /** Leaves indexed: those below this index, all of them and no others. */
  size(): Promise<number>;
  /** Indexes the leaves from `first` on, which must be the size; all of them or none. */
  add(first: number, leaves: readonly NewLeaf[], integratedAt: number): Promise<void>;
  /** The first leaf with each of these hashes. */
  find(hashes: readonly Uint8Array[]): Promise<(IndexedLeaf | undefined)[]>;
  at(index: number): Promise<IndexedLeaf | undefined>;
  /** Leaves under any of these keys, from index `from` on, in the log's order. */
  search(keys: readonly string[], from: number, limit: number): Promise<IndexedLeaf[]>;
  clear(): Promise<void>;
  close(): Promise<void>;
}
