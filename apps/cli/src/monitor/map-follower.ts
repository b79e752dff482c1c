import { join } from 'node:path';
import { AttestError, indexEntry, openMapCommitment, type MapCommitment } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { toBase64, type VerifierKey } from '@touchstone/note';
import { IndexedMap, inRanges, TlogError } from '@touchstone/tlog';
import type { ExtendOptions, StagedMap } from '@touchstone/tlog';
import type { LogSource, ProvenLeaves } from './log-source.js';
import type { MonitorFolder, MonitorState } from './monitor-state.js';

/** What a commitment to a map came to when its map was made here. */
export type ComparedMap =
  | { readonly result: 'same' }
  /** The commitment is not true. */
  | { readonly result: 'wrong'; readonly why: string; readonly computed?: string }
  /** An attestation that the map takes is not to be had. */
  | { readonly result: 'missing'; readonly index: number; readonly sha256: string };

const SAME: ComparedMap = { result: 'same' };

/** Makes the maps that a log commits to again, from its leaves and attestations alone. */
export class MapFollower {
  readonly #folder: MonitorFolder;
  readonly #source: LogSource;
  #map: IndexedMap;

  private constructor(folder: MonitorFolder, source: LogSource, map: IndexedMap) {
    this.#folder = folder;
    this.#source = source;
    this.#map = map;
  }

  static async open(
    folder: MonitorFolder,
    source: LogSource,
    recorded: MonitorState['map'] | undefined,
  ): Promise<MapFollower> {
    return new MapFollower(folder, source, await openMap(folder, recorded));
  }

  /** What to keep, once durable, to open this very map again. */
  get recorded(): MonitorState['map'] {
    return this.#map.recorded;
  }

  close(): Promise<void> {
    return this.#map.close();
  }

  /** Makes the map that the leaf at `index` commits to, which continues the one in `state`. */
  async compare(
    index: number,
    leaf: Uint8Array,
    { state, keys, leaves }: { state: MonitorState; keys: VerifierKey[]; leaves: ProvenLeaves },
  ): Promise<ComparedMap> {
    const commitment = await opened(leaf, keys);
    if (typeof commitment === 'string') return { result: 'wrong', why: commitment };
    const why = contradiction(commitment, index, state);
    if (why !== undefined) return { result: 'wrong', why };
    while (this.#map.size < commitment.treeSize) {
      const extended = await this.#extend(commitment, leaves, state);
      if (extended.result !== 'same') return extended;
    }
    return SAME;
  }

  /** Takes the map further towards a commitment, and to it only when it is the one committed to. */
  async #extend(
    { treeSize, absent, mapRoot, keys }: MapCommitment,
    leaves: ProvenLeaves,
    state: MonitorState,
  ): Promise<ComparedMap> {
    let missing: { index: number; sha256: string } | undefined;
    const { attestation } = this.#source;
    const options: ExtendOptions = {
      to: treeSize,
      maxKeys: Number.MAX_SAFE_INTEGER,
      // The ranges are the log's; a leaf outside of them that cannot be read ends the staging.
      maxRanges: 0,
      readLeaves: (from, to) => leaves.read(from, to),
      keysOf: async (leaf, index) => {
        const unread = inRanges(absent, index);
        const found = await indexEntry(leaf, unread ? nothing : attestation);
        if (unread || found.absent === undefined) return { keys: found.keys };
        missing = { index, sha256: found.absent };
        return found;
      },
    };
    const staged = await this.#stage(options, state);
    if (missing) return { result: 'missing', ...missing };
    if (staged.size === treeSize) {
      const computed = toBase64(staged.map.root());
      const wrong = (why: string): ComparedMap => ({ result: 'wrong', why, computed });
      if (computed !== mapRoot) return wrong('the leaves give another root');
      if (staged.map.size !== keys) {
        return wrong(`the map has ${staged.map.size} keys, not ${keys}`);
      }
    }
    await this.#map.accept(staged);
    return SAME;
  }

  /** Files of the map that are damaged say nothing about the log: they are made again. */
  async #stage(options: ExtendOptions, { map }: MonitorState): Promise<StagedMap> {
    try {
      return await this.#map.stage(options);
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'map-store') throw error;
      await this.#map.discard();
      this.#map = await openMap(this.#folder, map);
      return this.#map.stage(options);
    }
  }
}

/** The commitment, or why it is none. */
async function opened(leaf: Uint8Array, keys: VerifierKey[]): Promise<MapCommitment | string> {
  try {
    return await openMapCommitment(leaf, keys, nodeVerifier);
  } catch (error) {
    if (error instanceof AttestError) return error.message;
    throw error;
  }
}

/** What a commitment says that cannot be, before any leaf is looked at. */
function contradiction(
  { origin, treeSize, previous }: MapCommitment,
  index: number,
  state: MonitorState,
): string | undefined {
  const made = state.map.size;
  if (origin !== state.origin) return 'it names another log';
  if (treeSize > index) return 'it covers leaves after itself';
  if (previous === made) return undefined;
  return `it continues a map of ${previous} leaves, the one before has ${made}`;
}

function openMap(
  { dir }: MonitorFolder,
  recorded: MonitorState['map'] = { size: 0, bytes: 0 },
): Promise<IndexedMap> {
  return IndexedMap.open(join(dir, 'map'), recorded);
}

async function nothing(): Promise<undefined> {
  return undefined;
}
