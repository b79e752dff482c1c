import { MAP_KEY_SIZE, MerkleError, rootFromMapProof, verifyListPage } from '@touchstone/merkle';
import type { ListPage, MapProof } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import { compareKeys, decodeBucket, EMPTY_BUCKET, entryBit, keyOf } from './bucket.js';
import type { BucketEntry } from './bucket.js';
import { wayThrough } from './bucket-tree.js';
import type { ListStore } from './list-store.js';
import { BRANCH } from './map-node.js';
import type { MapHashing } from './map-hashing.js';
import type { MapVersions } from './map-versions.js';
import { nodeMapHasher } from './map-hasher.js';
import { decodeList } from './stored-list.js';
import type { StoredList } from './stored-list.js';

/**
 * One version of a map on disk, read only. What it hands out was held against its root, so that
 * damage in the files shows here and not at whoever asked.
 */
export class MapView {
  readonly #versions: MapVersions;
  readonly #lists: ListStore;
  readonly #hashing: MapHashing;
  readonly #version: number;
  readonly #root: Uint8Array;
  /** Keys in the map. */
  readonly size: number;

  constructor(
    around: {
      readonly versions: MapVersions;
      readonly lists: ListStore;
      readonly hashing: MapHashing;
    },
    is: { readonly version: number; readonly root: Uint8Array; readonly size: number },
  ) {
    this.#versions = around.versions;
    this.#lists = around.lists;
    this.#hashing = around.hashing;
    this.#version = is.version;
    this.#root = is.root;
    this.size = is.size;
  }

  /** Whether it can still be read: some eight versions are kept. */
  get readable(): boolean {
    return this.#versions.has(this.#version);
  }

  root(): Uint8Array {
    return this.#root;
  }

  /**
   * Proof of the list of a key, or of its absence.
   *
   * @throws TlogError `map-store` when the files are damaged, `map-version`; MerkleError `map-key`
   */
  prove(key: Uint8Array): MapProof {
    const { siblings, entry, list } = this.#find(key);
    siblings.reverse();
    const head = list && this.#lists.head(list);
    let proof: MapProof = { siblings };
    if (entry && head) {
      const is = compareKeys(entry, asked(key)) === 0;
      proof = is
        ? { siblings, list: head }
        : { siblings, other: { key: new Uint8Array(keyOf(entry)), ...head } };
    }
    sound(() => Buffer.compare(rootFromMapProof(key, proof, nodeMapHasher), this.#root) === 0);
    return proof;
  }

  /** Indices of a key; 0 when it is not there. @throws as prove does */
  count(key: Uint8Array): number {
    return this.#listOf(key)?.count ?? 0;
  }

  /** A page of the list of a key. @throws MerkleError `index-out-of-range`, and as prove does */
  async page(key: Uint8Array, number: number): Promise<ListPage> {
    const list = this.#listOf(key);
    if (!list) throw new MerkleError('index-out-of-range', 'a key that is absent has no pages');
    const page = await this.#lists.page(list, number);
    sound(() => {
      verifyListPage(this.#lists.head(list), page, nodeMapHasher);
      return true;
    });
    return page;
  }

  #listOf(key: Uint8Array): StoredList | undefined {
    const { entry, list } = this.#find(key);
    return entry && compareKeys(entry, asked(key)) === 0 ? list : undefined;
  }

  /** The way of a key from the root, and what is at its end. */
  #find(key: Uint8Array): {
    siblings: Uint8Array[];
    entry: BucketEntry | undefined;
    list: StoredList | undefined;
  } {
    const target = asked(key);
    const siblings: Uint8Array[] = [];
    let at = this.#versions.node(this.#version, 0);
    while (at.node.length === BRANCH) {
      const bit = entryBit(target, siblings.length);
      const left = at.node.place;
      siblings.push(new Uint8Array(this.#versions.node(this.#version, left + 1 - bit).node.hash));
      at = this.#versions.node(this.#version, left + bit);
    }
    const { place, length } = at.node;
    const bucket = length === 0 ? EMPTY_BUCKET : decodeBucket(at.buckets.read(place, length));
    const way = wayThrough(bucket, target, siblings.length, this.#hashing);
    const { entry } = way;
    const list = entry && decodeList(entry.source, entry.at + MAP_KEY_SIZE, entry.end);
    return { siblings: [...siblings, ...way.siblings], entry, list };
  }
}

function asked(key: Uint8Array): BucketEntry {
  if (key.length !== MAP_KEY_SIZE) {
    throw new MerkleError('map-key', `a key of the map has 32 bytes, not ${key.length}`);
  }
  const source = Buffer.from(key.buffer, key.byteOffset, key.length);
  return { source, at: 0, end: MAP_KEY_SIZE };
}

/** @throws TlogError `map-store` where a check does not hold */
function sound(holds: () => boolean): void {
  let cause: unknown;
  try {
    if (holds()) return;
  } catch (error) {
    cause = error;
  }
  throw new TlogError('map-store', 'the files of the map do not give its root', { cause });
}
