import { MerkleMap } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import { nodeMapHasher } from './map-hasher.js';
import { MapJournal, type KeysOfLeaves } from './map-journal.js';

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
  readonly map: MerkleMap;
  /** Leaves it covers. */
  readonly size: number;
  readonly absent: LeafRanges;
  readonly keys: KeysOfLeaves;
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

/** Leaves between two turns of the event loop: a bundle, some milliseconds of hashing. */
const CHUNK = 256;

/** Leaves whose keys are held in memory while one map is staged. */
const MAX_STAGED_LEAVES = 65_536;

/**
 * The map over leaves [0, size), in memory, with a journal to open it from.
 *
 * Memory: about 470 bytes for each key and 8 for each further leaf of a key (measured with Node
 * 20 at 200,000 keys).
 */
export class IndexedMap {
  readonly #journal: MapJournal;
  #map: MerkleMap;
  #size: number;

  private constructor(journal: MapJournal, map: MerkleMap, size: number) {
    this.#journal = journal;
    this.#map = map;
    this.#size = size;
  }

  /** @throws TlogError `map-journal` when the journal does not hold the keys of `size` leaves */
  static async open(dir: string, recorded: { bytes: number; size: number }): Promise<IndexedMap> {
    const journal = await MapJournal.open(dir, recorded.bytes);
    try {
      let map = MerkleMap.empty(nodeMapHasher);
      let size = 0;
      for await (const leaves of journal.read()) {
        for (let at = 0; at < leaves.length; at += CHUNK) {
          const chunk = leaves.slice(at, at + CHUNK);
          map = withKeys(map, chunk, size);
          size += chunk.length;
          await turn();
        }
      }
      if (size !== recorded.size) {
        throw new TlogError('map-journal', `the journal has ${size} leaves of ${recorded.size}`);
      }
      return new IndexedMap(journal, map, size);
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  get map(): MerkleMap {
    return this.#map;
  }

  /** Leaves that the map covers. */
  get size(): number {
    return this.#size;
  }

  /** What to keep, once durable, to open this very map again. */
  get recorded(): { bytes: number; size: number } {
    return { bytes: this.#journal.bytes, size: this.#size };
  }

  /** The map over more leaves, with this one left as it is. It may end before `to`. */
  async stage({ to, readLeaves, keysOf, maxRanges, maxKeys }: ExtendOptions): Promise<StagedMap> {
    let map = this.#map;
    let size = this.#size;
    const end = Math.min(to, size + MAX_STAGED_LEAVES);
    const absent: [number, number][] = [];
    const keys: (readonly Uint8Array[])[] = [];
    let full = false;
    while (size < end && !full) {
      // To the end of the bundle, so that each is read once.
      const bundle = size + CHUNK - (size % CHUNK);
      const leaves = await readLeaves(size, Math.min(end, bundle));
      const chunk: (readonly Uint8Array[])[] = [];
      for (const [i, leaf] of leaves.entries()) {
        const found = await keysOf(leaf, size + i);
        full = found.absent !== undefined && !addTo(absent, size + i, maxRanges);
        if (full) break;
        chunk.push(found.keys);
      }
      map = withKeys(map, chunk, size);
      size += chunk.length;
      keys.push(...chunk);
      if (map.size > maxKeys) {
        throw new TlogError('map-full', `the map has reached its limit of ${maxKeys} keys`);
      }
      await turn();
    }
    return { map, size, absent, keys };
  }

  /** Takes a staged map. Its keys are durable in the journal when it resolves. */
  async accept({ map, size, keys }: StagedMap): Promise<void> {
    if (size !== this.#size + keys.length) {
      throw new TlogError('map-journal', 'the map was staged over another size than this one has');
    }
    await this.#journal.append(keys);
    this.#map = map;
    this.#size = size;
  }

  close(): Promise<void> {
    return this.#journal.close();
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

function withKeys(map: MerkleMap, leaves: KeysOfLeaves, first: number): MerkleMap {
  const changes = new Map<string, { key: Uint8Array; indices: number[] }>();
  for (const [i, keys] of leaves.entries()) {
    for (const key of keys) {
      const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
      const change = changes.get(name) ?? { key, indices: [] };
      change.indices.push(first + i);
      changes.set(name, change);
    }
  }
  return map.with([...changes.values()].map(({ key, indices }) => [key, indices] as const));
}

/** Lets appends and requests have their turn. */
function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
