import { TlogError } from '../error.js';
import { DiskMap } from './disk-map.js';
import { KeyChanges } from './key-changes.js';
import { isSaveDue, KEYS_AT_ONCE, openFromJournal } from './made-from-journal.js';
import { JournalRecords, MapJournal } from './map-journal.js';
import type { MapView } from './map-view.js';
import { turn } from './turn.js';

/** Leaves [from, to) of the tree. */
export type ReadLeaves = (from: number, to: number) => Promise<readonly Uint8Array[]>;

/** Ascending ranges [from, to) of leaves. */
export type LeafRanges = readonly (readonly [from: number, to: number])[];

/** The keys of a leaf, and whether the attestation it names could not be read. */
export type KeysOfLeaf = (
  leaf: Uint8Array,
  index: number,
) => Promise<{ readonly keys: readonly Uint8Array[]; readonly absent?: string }>;

/** A map that covers more leaves, not yet taken. */
export interface StagedMap {
  readonly map: MapView;
  /** Leaves it covers. */
  readonly size: number;
  readonly absent: LeafRanges;
  readonly records: JournalRecords;
}

export interface ExtendOptions {
  /** Size to cover. */
  readonly to: number;
  readonly readLeaves: ReadLeaves;
  readonly keysOf: KeysOfLeaf;
  /** It stops before the leaf that would need more ranges. */
  readonly maxRanges: number;
  /** @throws TlogError `map-full` beyond this many keys */
  readonly maxKeys: number;
}

/** Leaves read at once: a bundle. */
const CHUNK = 256;

/** Leaves, and keys of theirs, that are held in memory while one map is staged. */
const MAX_STAGED_LEAVES = 65_536;
const MAX_STAGED_KEYS = 65_536;

/**
 * The map over leaves [0, size), on disk, with a journal of the keys of every leaf.
 *
 * The journal counts: it is durable with every map that is taken. The map itself is saved now and
 * then and when it is closed; what was not saved, or is damaged, is made again from the journal.
 */
export class IndexedMap {
  readonly #dir: string;
  readonly #journal: MapJournal;
  readonly #disk: DiskMap;
  #map: MapView;
  /** Keys that were taken in since the map was saved. */
  #unsaved = 0;

  private constructor(dir: string, journal: MapJournal, disk: DiskMap) {
    this.#dir = dir;
    this.#journal = journal;
    this.#disk = disk;
    this.#map = disk.view();
  }

  /** @throws TlogError `map-journal` when the journal does not hold the keys of `size` leaves */
  static async open(dir: string, recorded: { bytes: number; size: number }): Promise<IndexedMap> {
    const journal = await MapJournal.open(dir, recorded.bytes);
    try {
      return new IndexedMap(dir, journal, await openFromJournal(dir, journal, recorded.size));
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  /** The map that was taken last. */
  get map(): MapView {
    return this.#map;
  }

  /** Leaves that the map covers. */
  get size(): number {
    return this.#disk.size;
  }

  /** What to keep, once durable, to open this very map again. */
  get recorded(): { bytes: number; size: number } {
    return { bytes: this.#journal.bytes, size: this.size };
  }

  /**
   * The map over more leaves, with this one left as it is. It may end before `to`. A map that was
   * staged before and not taken is given up.
   *
   * @throws TlogError `map-store` when the files of the map are damaged: `discard` them
   */
  async stage(options: ExtendOptions): Promise<StagedMap> {
    this.#disk.rollback();
    // Whoever took the map has recorded that by now, so no saved map is ahead of what is recorded.
    if (isSaveDue(this.#disk, this.#unsaved)) await this.#save();
    try {
      return await this.#stage(options);
    } catch (error) {
      this.#disk.rollback();
      throw error;
    }
  }

  async #stage({ to, readLeaves, keysOf, maxRanges, maxKeys }: ExtendOptions): Promise<StagedMap> {
    const disk = this.#disk;
    let { size } = disk;
    const end = Math.min(to, size + MAX_STAGED_LEAVES);
    const absent: [number, number][] = [];
    const records = new JournalRecords();
    const changes = new KeyChanges();
    let full = false;
    while (size < end && records.keys < MAX_STAGED_KEYS && !full) {
      // To the end of the bundle, so that each is read once.
      const bundle = size + CHUNK - (size % CHUNK);
      for (const leaf of await readLeaves(size, Math.min(end, bundle))) {
        const found = await keysOf(leaf, size);
        full = found.absent !== undefined && !addTo(absent, size, maxRanges);
        if (full) break;
        for (const key of found.keys) changes.add(key, size);
        records.add(found.keys);
        size++;
      }
      if (changes.size >= KEYS_AT_ONCE) await take(disk, changes, maxKeys);
      else await turn();
    }
    await take(disk, changes, maxKeys);
    return { map: await disk.staged(), size, absent, records };
  }

  /** Takes a staged map. Its keys are durable in the journal when it resolves. */
  async accept({ map, size, records }: StagedMap): Promise<void> {
    if (size !== this.size + records.leaves || !map.readable) {
      throw new TlogError('map-journal', 'the map was staged over another size than this one has');
    }
    await this.#journal.append(records);
    this.#disk.commit(size, this.#journal.bytes);
    this.#map = map;
    this.#unsaved += records.keys;
  }

  /** Closes the map and removes its files but for the journal, from which `open` makes it again. */
  async discard(): Promise<void> {
    this.#disk.close();
    await this.#journal.close();
    await DiskMap.remove(this.#dir);
  }

  /** Saves the map and closes it. Where it cannot be saved the journal has it. */
  async close(): Promise<void> {
    try {
      await this.#save();
    } finally {
      this.#disk.close();
      await this.#journal.close();
    }
  }

  async #save(): Promise<void> {
    await this.#disk.save();
    this.#unsaved = 0;
  }
}

/** @throws TlogError `map-full` */
async function take(disk: DiskMap, changes: KeyChanges, maxKeys: number): Promise<void> {
  await disk.apply(changes.take());
  if (disk.keys > maxKeys) {
    throw new TlogError('map-full', `the map has reached its limit of ${maxKeys} keys`);
  }
}

/** Whether there was room for the leaf. */
function addTo(ranges: [number, number][], index: number, max: number): boolean {
  const last = ranges.at(-1);
  if (last?.[1] === index) last[1]++;
  else if (ranges.length < max) ranges.push([index, index + 1]);
  else return false;
  return true;
}

export function inRanges(ranges: LeafRanges, index: number): boolean {
  return ranges.some(([from, to]) => index >= from && index < to);
}
