import { HASH_SIZE, MAP_KEY_SIZE } from '@touchstone/merkle';
import {
  bucketLength,
  compareKeys,
  damaged,
  decodeBucket,
  EMPTY_BUCKET,
  encodeBucket,
  MAX_BUCKET_KEYS,
} from './bucket.js';
import type { Bucket } from './bucket.js';
import { paddedLength } from './bucket-file.js';
import { BucketTree, splitAt } from './bucket-tree.js';
import type { FreshEntry } from './bucket-tree.js';
import type { KeyChange } from './key-changes.js';
import type { ListStore } from './list-store.js';
import { BRANCH } from './map-node.js';
import type { MapHashing } from './map-hashing.js';
import type { MapVersions } from './map-versions.js';
import { decodeList, encodeList } from './stored-list.js';

/** Takes changes into the version of a map that is being made. */
export class MapUpdate {
  readonly #versions: MapVersions;
  readonly #lists: ListStore;
  readonly #hashing: MapHashing;
  /** Keys that came to the map. */
  added = 0;
  /** Bytes of the file of buckets that came into use, less those that went out of it. */
  grown = 0;

  constructor(versions: MapVersions, lists: ListStore, hashing: MapHashing) {
    this.#versions = versions;
    this.#lists = lists;
    this.#hashing = hashing;
  }

  /**
   * Changes in the order of their keys, each of another key. Hashes of branches are out of date
   * until `rehash`.
   *
   * @throws MerkleError `map-list`, TlogError `map-store`, `map-full`
   */
  apply(changes: readonly KeyChange[]): void {
    this.#apply(changes, 0, 0, 0, changes.length);
  }

  /** Brings hashes of branches up to date, from below; some at a time. */
  *rehash(step: number): Generator<void> {
    const { table } = this.#versions;
    const { touched } = table;
    for (let at = touched.length - 1; at >= 0; at--) {
      const id = touched[at] as number;
      if (table.length(id) === BRANCH) {
        const left = table.place(id);
        table.setHash(id, this.#hashing.hasher.node(table.hash(left), table.hash(left + 1)));
      }
      if (at % step === 0) yield;
    }
  }

  #apply(
    changes: readonly KeyChange[],
    id: number,
    depth: number,
    low: number,
    high: number,
  ): void {
    if (low === high) return;
    const { table, buckets } = this.#versions;
    table.touch(id);
    const [place, length] = [table.place(id), table.length(id)];
    if (length === BRANCH) {
      const middle = splitAt(changes, low, high, depth);
      this.#apply(changes, place, depth + 1, low, middle);
      this.#apply(changes, place + 1, depth + 1, middle, high);
      return;
    }
    const old = length === 0 ? EMPTY_BUCKET : decodeBucket(buckets.read(place, length));
    this.#check(old, table.hash(id));
    const entries = this.#merge(old, changes, low, high);
    const tree = new BucketTree(entries, depth, old.hashes, this.#hashing);
    tree.make();
    this.grown -= paddedLength(length);
    this.#put(tree, { id, depth, low: 0, high: entries.length, node: 0 });
  }

  /** A bucket that is whole may still be another one. */
  #check({ entries: [first, second], hashes }: Bucket, expected: Uint8Array): void {
    if (!first) return;
    const hash = second ? hashes.subarray(0, HASH_SIZE) : this.#hashing.leaf(first);
    if (Buffer.compare(hash, expected) !== 0) throw damaged('it is another one');
  }

  #merge(old: Bucket, changes: readonly KeyChange[], low: number, high: number): FreshEntry[] {
    const entries: FreshEntry[] = [];
    let at = 0;
    for (let i = low; i < high; i++) {
      const change = changes[i] as KeyChange;
      let entry = old.entries[at];
      while (entry && compareKeys(entry, change) < 0) {
        entries.push(fresh(entry.source, entry.at, entry.end, 'same'));
        entry = old.entries[++at];
      }
      const known = entry && compareKeys(entry, change) === 0 ? entry : undefined;
      if (known) at++;
      else this.added++;
      const before = known && decodeList(known.source, known.at + MAP_KEY_SIZE, known.end);
      const list = encodeList(this.#lists.append(before, change.indices));
      const source = Buffer.allocUnsafe(MAP_KEY_SIZE + list.length);
      change.source.copy(source, 0, change.at, change.end);
      source.set(list, MAP_KEY_SIZE);
      entries.push(fresh(source, 0, source.length, known ? 'changed' : 'absent'));
    }
    for (; at < old.entries.length; at++) {
      const { source, at: begin, end } = old.entries[at] as Bucket['entries'][number];
      entries.push(fresh(source, begin, end, 'same'));
    }
    return entries;
  }

  /** Writes entries [low, high) of a tree as what a node has; `node` is the first of their hashes. */
  #put(
    tree: BucketTree,
    of: { id: number; depth: number; low: number; high: number; node: number },
  ): void {
    const { table, buckets } = this.#versions;
    const { id, depth, low, high, node } = of;
    if (high - low > MAX_BUCKET_KEYS) {
      const left = table.allocatePair();
      table.touch(left);
      table.touch(left + 1);
      table.set(id, left, BRANCH);
      const middle = splitAt(tree.entries, low, high, depth);
      const right = node + 1 + tree.nodes(low, middle, depth + 1);
      const below = depth + 1;
      this.#put(tree, { id: left, depth: below, low, high: middle, node: node + 1 });
      this.#put(tree, { id: left + 1, depth: below, low: middle, high, node: right });
      return;
    }
    table.setHash(id, tree.hashOf(low, high, node));
    if (low === high) {
      table.set(id, 0, 0);
      return;
    }
    const end = node + tree.nodes(low, high, depth);
    const hashes = tree.hashes.subarray(node * HASH_SIZE, end * HASH_SIZE);
    const length = bucketLength(tree.entries, low, high, end - node);
    const place = buckets.append(length, (bytes) =>
      encodeBucket(bytes, tree.entries, low, high, hashes),
    );
    table.set(id, place, length);
    this.grown += paddedLength(length);
  }
}

function fresh(source: Buffer, at: number, end: number, was: FreshEntry['was']): FreshEntry {
  return { source, at, end, was };
}
