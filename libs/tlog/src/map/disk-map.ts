import { mkdir, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BucketFile } from './bucket-file.js';
import { copyBuckets } from './compact-buckets.js';
import type { KeyChange } from './key-changes.js';
import { ListStore } from './list-store.js';
import { mapHashing } from './map-hashing.js';
import type { MapHashing } from './map-hashing.js';
import { nodeMapHasher } from './map-hasher.js';
import { loadNodes, saveNodes } from './map-snapshot.js';
import type { SavedMap } from './map-snapshot.js';
import { MapUpdate } from './map-update.js';
import { MapVersions } from './map-versions.js';
import { MapView } from './map-view.js';
import { NodeTable } from './node-table.js';
import { PageFile } from './page-file.js';
import { turn } from './turn.js';

const NODES_FILE = 'nodes';
const PAGES_FILE = 'pages';
const BUCKETS_FILE = /^buckets\.\d+$/;

/** Changes between two turns of the event loop, and nodes that are hashed. */
const APPLIED_AT_ONCE = 128;
const HASHED_AT_ONCE = 2_048;
/** Bytes of garbage that are no reason to write the buckets anew. */
const MIN_GARBAGE = 16 * 1024 * 1024;

const NOTHING: SavedMap = {
  size: 0,
  journalBytes: 0,
  keys: 0,
  generation: 0,
  bucketBytes: 0,
  liveBytes: 0,
  pageBytes: 0,
};

/**
 * A Merkle map on disk. Keys and lists stand in buckets of at most 32 keys, in a file that is
 * appended to; full pages of long lists in another. Memory has the nodes above the buckets: 44
 * bytes each, some 4 for every key.
 *
 * What was not saved is lost with the process: whoever has the keys of the leaves takes them in
 * again, from `saved.size` on. Order of saving, each step durable before the next: buckets and
 * pages, then the nodes that speak of them. Nothing that saved nodes speak of is overwritten.
 */
export class DiskMap {
  readonly #dir: string;
  readonly #minGarbage: number;
  readonly #versions: MapVersions;
  readonly #pages: PageFile;
  readonly #lists: ListStore;
  readonly #hashing: MapHashing;
  /** What the committed version is. */
  #now: SavedMap;
  #saved: SavedMap;
  #staged: { readonly version: number; readonly update: MapUpdate } | undefined;
  #closed = false;

  private constructor(
    is: { readonly dir: string; readonly saved: SavedMap; readonly minGarbage: number },
    versions: MapVersions,
    pages: PageFile,
  ) {
    this.#dir = is.dir;
    this.#minGarbage = is.minGarbage;
    this.#now = is.saved;
    this.#saved = is.saved;
    this.#versions = versions;
    this.#pages = pages;
    this.#lists = new ListStore(pages, nodeMapHasher.list);
    this.#hashing = mapHashing(this.#lists);
  }

  /** Opens what was saved last; a map without keys where nothing was. @throws TlogError `map-store` */
  static async open(dir: string, minGarbage = MIN_GARBAGE): Promise<DiskMap> {
    await mkdir(dir, { recursive: true });
    const found = await loadNodes(join(dir, NODES_FILE)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return { table: new NodeTable(nodeMapHasher.empty), saved: NOTHING };
    });
    const { table, saved } = found;
    await removeBuckets(dir, saved.generation);
    const buckets = new BucketFile(bucketsPath(dir, saved.generation), saved.bucketBytes);
    try {
      const pages = new PageFile(join(dir, PAGES_FILE), saved.pageBytes, nodeMapHasher.list);
      return new DiskMap({ dir, saved, minGarbage }, new MapVersions(table, buckets), pages);
    } catch (error) {
      buckets.close();
      throw error;
    }
  }

  /** Removes the files of a map. */
  static async remove(dir: string): Promise<void> {
    // The nodes first: without them nothing counts.
    await rm(join(dir, NODES_FILE), { force: true });
    await rm(join(dir, PAGES_FILE), { force: true });
    await removeBuckets(dir);
  }

  /** What was saved last. */
  get saved(): SavedMap {
    return this.#saved;
  }

  /** Leaves that the committed version covers. */
  get size(): number {
    return this.#now.size;
  }

  /** Keys of the version that is being made, or of the committed one. */
  get keys(): number {
    return this.#now.keys + (this.#staged?.update.added ?? 0);
  }

  /** The committed version. */
  view(): MapView {
    return this.#view(this.#versions.committed, this.#now.keys);
  }

  /**
   * Takes changes into the version that is being made; begins one where none is. Others have their
   * turn meanwhile, and read the versions before.
   *
   * @throws MerkleError `map-list`, TlogError `map-store`, `map-full`; the version is to be given up
   */
  async apply(changes: readonly KeyChange[]): Promise<void> {
    const { update } = this.#begun();
    for (let at = 0; at < changes.length; at += APPLIED_AT_ONCE) {
      update.apply(changes.slice(at, at + APPLIED_AT_ONCE));
      await this.#versions.buckets.flush();
      await turn();
    }
  }

  /** The version that was made, not committed yet. */
  async staged(): Promise<MapView> {
    const { version, update } = this.#begun();
    const hashing = update.rehash(HASHED_AT_ONCE);
    while (!hashing.next().done) await turn();
    return this.#view(version, this.keys);
  }

  /** Makes the version that was made the committed one, in memory. */
  commit(size: number, journalBytes: number): void {
    const { update } = this.#begun();
    this.#now = {
      size,
      journalBytes,
      keys: this.keys,
      generation: this.#now.generation,
      bucketBytes: this.#versions.buckets.length,
      liveBytes: this.#now.liveBytes + update.grown,
      pageBytes: this.#pages.length,
    };
    this.#versions.commit();
    this.#staged = undefined;
  }

  /** Gives up the version that is being made. */
  rollback(): void {
    if (!this.#staged) return;
    this.#versions.rollback();
    this.#versions.buckets.cut(this.#now.bucketBytes);
    this.#pages.cut(this.#now.pageBytes);
    this.#staged = undefined;
  }

  /** Saves the committed version; what is being made is given up. */
  async save(): Promise<void> {
    this.rollback();
    if (this.#now === this.#saved) return;
    const garbage = this.#now.bucketBytes - this.#now.liveBytes;
    if (garbage > this.#now.liveBytes + this.#minGarbage) await this.#compact();
    await this.#versions.buckets.sync();
    await this.#pages.sync();
    await saveNodes(join(this.#dir, NODES_FILE), this.#versions.table, this.#now);
    this.#saved = this.#now;
    await removeBuckets(this.#dir, this.#now.generation);
  }

  /** Nothing that was not saved remains, and no version can be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#versions.close();
    this.#pages.close();
  }

  #begun(): { readonly version: number; readonly update: MapUpdate } {
    this.#staged ??= {
      version: this.#versions.begin(),
      update: new MapUpdate(this.#versions, this.#lists, this.#hashing),
    };
    return this.#staged;
  }

  #view(version: number, size: number): MapView {
    const around = { versions: this.#versions, lists: this.#lists, hashing: this.#hashing };
    const root = new Uint8Array(this.#versions.node(version, 0).node.hash);
    return new MapView(around, { version, root, size });
  }

  /** Leaves behind what is not in use. */
  async #compact(): Promise<void> {
    const { table, buckets } = this.#versions;
    const generation = this.#now.generation + 1;
    const compact = new BucketFile(bucketsPath(this.#dir, generation), 0);
    let moved: Uint32Array;
    try {
      moved = await copyBuckets(table, buckets, compact);
    } catch (error) {
      compact.close();
      await unlink(compact.path);
      throw error;
    }
    for (let i = 0; i < moved.length; i += 2) {
      const id = moved[i] as number;
      table.set(id, moved[i + 1] as number, table.length(id));
    }
    this.#versions.moveTo(compact);
    const bucketBytes = compact.length;
    this.#now = { ...this.#now, generation, bucketBytes, liveBytes: bucketBytes };
  }
}

function bucketsPath(dir: string, generation: number): string {
  return join(dir, `buckets.${generation}`);
}

/** Removes files of buckets, but for those of one generation. */
async function removeBuckets(dir: string, but?: number): Promise<void> {
  for (const name of await readdir(dir)) {
    if (BUCKETS_FILE.test(name) && name !== `buckets.${but}`) await rm(join(dir, name));
  }
}
