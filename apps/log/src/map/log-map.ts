import { rm } from 'node:fs/promises';
import {
  indexEntry,
  isMapLeaf,
  MAP_COMMITMENT_SCHEMA,
  mapCommitmentLeaf,
  MAX_ABSENT_RANGES,
  openMapCommitment,
} from '@touchstone/attest';
import type { IndexedEntry, MapCommitment, ReadAttestation } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import { IndexedMap, inRanges, nodeSha256, TlogError } from '@touchstone/tlog';
import type { LeafRanges, MapView, StagedMap } from '@touchstone/tlog';
import type { LoggedEntry } from '../index-store/indexed-log.js';
import type { Log } from '../log.js';
import { readMapState, writeMapState } from './map-state.js';
import type { MapState } from './map-state.js';

/** A map that the log has committed to. */
export interface CommittedMap {
  readonly map: MapView;
  readonly commitment: MapCommitment;
  /** Where the log has the commitment. */
  readonly index: number;
  readonly leaf: Uint8Array;
}

export interface LogMapOptions {
  readonly log: Log;
  readonly append: (leaf: Uint8Array) => Promise<LoggedEntry>;
  readonly readAttestation: ReadAttestation;
  /** The keys of a leaf, when they are known already. */
  readonly prepared: (index: number) => IndexedEntry | undefined;
  /** Folder of the journal; all in it can be made from tiles and attestations. */
  readonly dir: string;
  /** A commitment is due after this many leaves, or once the oldest has waited this long. */
  readonly everyLeaves: number;
  readonly intervalMs: number;
  readonly maxKeys: number;
  readonly clock: () => number;
  readonly committed: (map: CommittedMap) => void;
  readonly failed: (error: unknown) => void;
}

/** Maps that are still answered from, so that the pages of one list come from one map. */
const HELD_MAPS = 8;
const SCAN = 256;
const MAX_RETRY_MS = 60_000;

/** Thrown when the map made from the leaves is not the one committed to. */
class MapMismatch extends Error {
  readonly code = 'map-mismatch';
}

/**
 * Keeps the verifiable index of the log and commits to it, beside the writes and never in their
 * way. Order of one commitment, each step durable before the next:
 *   1. the map is made over the published leaves, beside the one in use,
 *   2. the commitment is appended and published as any other leaf,
 *   3. the keys of its leaves are in the journal,
 *   4. the state says that they count.
 * After a crash between two of these the commitment is found in the tiles, and its map is made
 * again from there.
 */
export class LogMap {
  readonly #options: LogMapOptions;
  #indexed: IndexedMap | undefined;
  /** Newest last. */
  #held: CommittedMap[] = [];
  /** Leaves looked through for commitments. */
  #scanned = 0;
  #pendingSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;
  #failures = 0;
  #damaged = false;

  /** Opens the map in the background: the log serves everything else meanwhile. */
  constructor(options: LogMapOptions) {
    this.#options = options;
    this.#later(0);
  }

  /** The newest map, or the one over that many leaves; undefined when it is not held. */
  at(size?: number): CommittedMap | undefined {
    const held = this.#held.filter(({ map }) => map.readable);
    if (size === undefined) return held.at(-1);
    return held.find(({ commitment }) => commitment.treeSize === size);
  }

  /** Something in the files of the map was found damaged: the next turn makes it again. */
  foundDamaged(): void {
    this.#damaged = true;
  }

  /** Commits to all that is published, where the map is open and works. */
  async commitNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#running = this.#running.then(() => this.#tick(true));
    await this.#running;
  }

  /** Ends the work on the map; what it had begun to commit to is found at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#indexed?.close().catch(this.#options.failed);
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#tick();
    }, ms).unref();
  }

  async #tick(now = false): Promise<void> {
    const { intervalMs, failed } = this.#options;
    let next = Math.min(1000, intervalMs);
    try {
      if (this.#damaged) await this.#discard();
      this.#indexed ??= await this.#open();
      await this.#follow(this.#indexed);
      // One map holds so many keys, or ranges that could not be read: what is left is due as well.
      while (this.#due(this.#indexed, now) && !this.#closed) await this.#commit(this.#indexed);
      this.#failures = 0;
    } catch (error) {
      failed(error);
      if (error instanceof TlogError && error.code === 'map-store') this.#damaged = true;
      next = Math.min(1000 * 2 ** this.#failures++, MAX_RETRY_MS);
      // Committing to something else would not make the earlier commitment true.
      if (error instanceof MapMismatch) return;
    }
    this.#later(next);
  }

  /** What is damaged; the journal has what it takes to make it again. */
  async #discard(): Promise<void> {
    const damaged = this.#indexed;
    this.#indexed = undefined;
    this.#held = [];
    this.#damaged = false;
    await damaged?.discard();
  }

  /** The map of the journal, when it is the committed one; else an empty one. */
  async #open(): Promise<IndexedMap> {
    const { dir, failed } = this.#options;
    const state = await readMapState(dir);
    if (state) {
      try {
        return await this.#reopen(state);
      } catch (error) {
        // The journal may not be had again: it goes when it is wrong, and for no other error.
        if (!isWrongJournal(error)) throw error;
        failed(error);
      }
    }
    await rm(dir, { recursive: true, force: true });
    return IndexedMap.open(dir, { bytes: 0, size: 0 });
  }

  async #reopen({ commitment: index, ...recorded }: MapState): Promise<IndexedMap> {
    const indexed = await IndexedMap.open(this.#options.dir, recorded);
    try {
      const held = await this.#committedAt(index, indexed.map);
      if (held.commitment.treeSize !== indexed.size) {
        throw new MapMismatch(`leaf ${index} commits to another size than the journal has`);
      }
      this.#scanned = index + 1;
      this.#hold(held);
      return indexed;
    } catch (error) {
      await indexed.close();
      throw error;
    }
  }

  /** @throws MapMismatch when the leaf there commits to another map */
  async #committedAt(index: number, map: MapView): Promise<CommittedMap> {
    const { log } = this.#options;
    const leaf = await log.reader.entry(index, log.size);
    const commitment = await openMapCommitment(leaf, log.keys.known(), nodeVerifier);
    const root = toBase64(map.root());
    if (commitment.mapRoot !== root) {
      throw new MapMismatch(
        `leaf ${index} commits to map ${commitment.mapRoot} of ${commitment.treeSize} leaves, ` +
          `but tiles and attestations give ${root}`,
      );
    }
    return { map, commitment, index, leaf };
  }

  /** Takes up commitments that are in the log and not in the journal. */
  async #follow(indexed: IndexedMap): Promise<void> {
    const { log } = this.#options;
    const { size } = log;
    while (this.#scanned < size && !this.#closed) {
      const to = Math.min(size, this.#scanned + SCAN);
      const leaves = await log.readLeaves(this.#scanned, to, size);
      for (const [i, leaf] of leaves.entries()) {
        if (isMapLeaf(leaf)) await this.#takeUp(indexed, this.#scanned + i, leaf);
      }
      this.#scanned = to;
    }
  }

  async #takeUp(indexed: IndexedMap, index: number, leaf: Uint8Array): Promise<void> {
    const { log } = this.#options;
    const { treeSize, absent } = await openMapCommitment(leaf, log.keys.known(), nodeVerifier);
    if (treeSize <= indexed.size) return;
    while (indexed.size < treeSize) {
      const staged = await this.#stage(indexed, treeSize, absent);
      if (staged.size === treeSize) await this.#take(indexed, staged, index);
      else await indexed.accept(staged);
    }
  }

  #due({ size: covered }: IndexedMap, now: boolean): boolean {
    const { log, everyLeaves, intervalMs, clock } = this.#options;
    // Of a frozen log the freeze is the last leaf.
    if (log.frozen) return false;
    // A commitment alone is no reason for the next one.
    const pending = log.size - covered - (covered > 0 ? 1 : 0);
    if (pending <= 0) this.#pendingSince = undefined;
    else this.#pendingSince ??= clock();
    const waited = this.#pendingSince === undefined ? 0 : clock() - this.#pendingSince;
    return pending >= everyLeaves || (pending > 0 && (now || waited >= intervalMs));
  }

  /** Steps 1 to 4. */
  async #commit(indexed: IndexedMap): Promise<void> {
    const { log, append } = this.#options;
    const { size } = log;
    const staged = await this.#stage(indexed, size);
    const commitment: MapCommitment = {
      schema: MAP_COMMITMENT_SCHEMA,
      origin: log.origin,
      treeSize: staged.size,
      previous: indexed.size,
      mapRoot: toBase64(staged.map.root()),
      keys: staged.map.size,
      absent: staged.absent.map(([from, to]) => [from, to]),
    };
    const { index, published } = await append(await mapCommitmentLeaf(commitment, log.key));
    await published;
    await this.#take(indexed, staged, index);
    if (staged.size === size) this.#pendingSince = undefined;
  }

  /** With `decided`, the leaves in it count as unread and no others may. */
  #stage(indexed: IndexedMap, to: number, decided?: LeafRanges): Promise<StagedMap> {
    const { log, readAttestation, prepared, maxKeys } = this.#options;
    const { size } = log;
    const maxRanges = decided ? Number.MAX_SAFE_INTEGER : MAX_ABSENT_RANGES;
    return indexed.stage({
      to,
      maxKeys,
      maxRanges,
      readLeaves: (from, end) => log.readLeaves(from, end, size),
      keysOf: async (leaf, index) => {
        const unread = decided !== undefined && inRanges(decided, index);
        const known = unread ? undefined : prepared(index);
        const read = unread ? nothing : readAttestation;
        const found = known ?? (await indexEntry(leaf, read, nodeSha256));
        if (decided && !unread && found.absent !== undefined) {
          throw new Error(`attestation sha256:${found.absent} of leaf ${index} is missing`);
        }
        return found;
      },
    });
  }

  async #take(indexed: IndexedMap, staged: StagedMap, index: number): Promise<void> {
    const held = await this.#committedAt(index, staged.map);
    await indexed.accept(staged);
    await writeMapState(this.#options.dir, { ...indexed.recorded, commitment: index });
    this.#hold(held);
  }

  #hold(held: CommittedMap): void {
    this.#held = [...this.#held, held].slice(-HELD_MAPS);
    this.#options.committed(held);
  }
}

async function nothing(): Promise<undefined> {
  return undefined;
}

function isWrongJournal(error: unknown): boolean {
  if (error instanceof MapMismatch) return true;
  return error instanceof TlogError && error.code === 'map-journal';
}
