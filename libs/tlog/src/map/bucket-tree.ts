import { HASH_SIZE } from '@touchstone/merkle';
import type { MapHasher } from '@touchstone/merkle';
import { commonBits, damaged, entryBit } from './bucket.js';
import type { BucketEntry } from './bucket.js';

/** A key of a bucket that is being made. */
export interface FreshEntry extends BucketEntry {
  /** Whether the bucket before had the key with the same list, with another one, or not at all. */
  readonly was: 'same' | 'changed' | 'absent';
}

export type LeafHash = (entry: BucketEntry) => Uint8Array;

/**
 * The tree over the keys of a bucket. Where nothing below a node changed its hash is taken from
 * the bucket before, so that a new key costs the hashes on its way and no others.
 */
export class BucketTree {
  readonly entries: readonly FreshEntry[];
  readonly #depth: number;
  readonly #old: Buffer;
  readonly #hasher: MapHasher;
  readonly #leaf: LeafHash;
  /** Bits in common of each entry and the next. */
  readonly #common: Uint16Array;
  /** How many of the entries before each one changed, and how many were there before. */
  readonly #changed: Uint32Array;
  readonly #known: Uint32Array;
  /** Hashes of all nodes with two keys or more, as a bucket has them. */
  readonly hashes: Buffer;
  #read = 0;
  #written = 0;

  /**
   * @param depth of the node under which these are all keys
   * @param old hashes of the bucket before, of the same node
   */
  constructor(
    entries: readonly FreshEntry[],
    depth: number,
    old: Buffer,
    hashing: { readonly hasher: MapHasher; readonly leaf: LeafHash },
  ) {
    this.entries = entries;
    this.#depth = depth;
    this.#old = old;
    this.#hasher = hashing.hasher;
    this.#leaf = hashing.leaf;
    this.#common = commonOf(entries);
    this.#changed = new Uint32Array(entries.length + 1);
    this.#known = new Uint32Array(entries.length + 1);
    for (const [i, { was }] of entries.entries()) {
      this.#changed[i + 1] = (this.#changed[i] as number) + (was === 'same' ? 0 : 1);
      this.#known[i + 1] = (this.#known[i] as number) + (was === 'absent' ? 0 : 1);
    }
    this.hashes = Buffer.allocUnsafe(this.nodes(0, entries.length, depth) * HASH_SIZE);
  }

  /** Makes `hashes`. @throws TlogError `map-store` when the old ones are not those of the keys */
  make(): void {
    this.#hash(0, this.entries.length, this.#depth);
    if (this.#read * HASH_SIZE !== this.#old.length) throw damaged('its hashes are too many');
  }

  /** The hash of entries [low, high) of one node, whose hashes begin at `node`. */
  hashOf(low: number, high: number, node: number): Uint8Array {
    if (high === low) return this.#hasher.empty;
    if (high - low === 1) return this.#leaf(this.entries[low] as BucketEntry);
    return this.hashes.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE);
  }

  /** Nodes with two keys or more among entries [low, high) of one node at a depth. */
  nodes(low: number, high: number, depth: number): number {
    return nodesOf(this.#common, low, high, depth);
  }

  #hash(low: number, high: number, depth: number): Uint8Array {
    if (high === low) return this.#hasher.empty;
    if (high - low === 1) return this.#leaf(this.entries[low] as BucketEntry);
    const at = this.#written;
    if (this.#changed[low] === this.#changed[high]) {
      const nodes = this.nodes(low, high, depth);
      const from = this.#read * HASH_SIZE;
      const end = from + nodes * HASH_SIZE;
      if (end > this.#old.length) throw damaged('its hashes are too few');
      this.#old.copy(this.hashes, at * HASH_SIZE, from, end);
      this.#read += nodes;
      this.#written += nodes;
      return this.hashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE);
    }
    this.#written++;
    if ((this.#known[high] as number) - (this.#known[low] as number) > 1) this.#read++;
    const middle = splitAt(this.entries, low, high, depth);
    const left = this.#hash(low, middle, depth + 1);
    const right = this.#hash(middle, high, depth + 1);
    const hash = this.#hasher.node(left, right);
    this.hashes.set(hash, at * HASH_SIZE);
    return hash;
  }
}

/** The way of a key through a bucket at a depth. */
export interface BucketWay {
  /** Hashes beside the way, the first one nearest to the root. */
  readonly siblings: Uint8Array[];
  /** The entry at its end, of this or another key. */
  readonly entry: BucketEntry | undefined;
}

/** @throws TlogError `map-store` when the bucket has not the hashes that its keys ask for */
export function wayThrough(
  { entries, hashes }: { readonly entries: readonly BucketEntry[]; readonly hashes: Uint8Array },
  key: BucketEntry,
  begin: number,
  hashing: { readonly hasher: MapHasher; readonly leaf: LeafHash },
): BucketWay {
  const common = commonOf(entries);
  const siblings: Uint8Array[] = [];
  let [low, high, depth, at] = [0, entries.length, begin, 0];
  const hashOf = (from: number, to: number, node: number): Uint8Array => {
    if (from === to) return hashing.hasher.empty;
    if (to - from === 1) return hashing.leaf(entries[from] as BucketEntry);
    if ((node + 1) * HASH_SIZE > hashes.length) throw damaged('its hashes are too few');
    return new Uint8Array(hashes.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE));
  };
  while (high - low > 1) {
    const middle = splitAt(entries, low, high, depth);
    const right = at + 1 + nodesOf(common, low, middle, depth + 1);
    if (entryBit(key, depth) === 1) {
      siblings.push(hashOf(low, middle, at + 1));
      [low, at] = [middle, right];
    } else {
      siblings.push(hashOf(middle, high, right));
      [high, at] = [middle, at + 1];
    }
    depth++;
  }
  return { siblings, entry: low < high ? entries[low] : undefined };
}

function commonOf(entries: readonly BucketEntry[]): Uint16Array {
  const common = new Uint16Array(Math.max(0, entries.length - 1));
  for (let i = 0; i < common.length; i++) {
    common[i] = commonBits(entries[i] as BucketEntry, entries[i + 1] as BucketEntry);
  }
  return common;
}

/** A node is a prefix that two neighbours share and that the pair before does not. */
function nodesOf(common: Uint16Array, low: number, high: number, depth: number): number {
  let nodes = 0;
  let before = depth - 1;
  for (let i = low; i < high - 1; i++) {
    const bits = common[i] as number;
    if (bits > before) nodes += bits - before;
    before = bits;
  }
  return nodes;
}

/** The first of some in [low, high), ascending and of one node at a depth, that goes right. */
export function splitAt(
  entries: readonly BucketEntry[],
  low: number,
  high: number,
  depth: number,
): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (entryBit(entries[middle] as BucketEntry, depth) === 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
