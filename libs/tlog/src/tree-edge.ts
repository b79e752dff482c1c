import {
  CompactRange,
  HASH_SIZE,
  TILE_WIDTH,
  compactRangeNodes,
  decodeEntryBundle,
  encodeEntryBundle,
  entriesPath,
  nodeFromTile,
  tileOfNode,
  tilePath,
} from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { TlogError } from './error.js';
import { equalBytes } from './state.js';
import type { StoredFile, TileStorage } from './storage.js';

const TILE_HEIGHT = 8;
const TILE_BYTES = TILE_WIDTH * HASH_SIZE;

/**
 * What must be at hand to go on from a tree: its compact range, and the content of the partial
 * tiles and bundle at its right edge, which the next, wider ones begin with. Never changed, only
 * replaced, so that a batch that fails leaves nothing behind in memory.
 */
export interface TreeEdge {
  readonly range: CompactRange;
  /** By tile level: the hashes of the partial tile, empty when the last tile is full. */
  readonly tiles: readonly Uint8Array[];
  /** The leaves of the partial bundle. */
  readonly leaves: readonly Uint8Array[];
}

export interface Integration {
  readonly edge: TreeEdge;
  readonly bundles: readonly StoredFile[];
  readonly tiles: readonly StoredFile[];
}

export function emptyEdge(hasher: TreeHasher): TreeEdge {
  return { range: new CompactRange(hasher), tiles: [], leaves: [] };
}

/** The tree with these leaves added, and every bundle and tile that it needs written. Pure. */
export function integrate(
  edge: TreeEdge,
  leaves: readonly Uint8Array[],
  hasher: TreeHasher,
): Integration {
  const range = edge.range.clone();
  const added: Uint8Array[][] = [];
  for (const leaf of leaves) {
    range.append(hasher.leaf(leaf), (level, _index, hash) => {
      if (level % TILE_HEIGHT === 0) (added[level / TILE_HEIGHT] ??= []).push(hash);
    });
  }
  const bundles = cutBundles(edge, leaves);
  const tiles: StoredFile[] = [];
  const tileEdges = [...edge.tiles];
  for (const [level, hashes] of added.entries()) {
    const row = concatHashes(edge.tiles[level], hashes);
    const first = Math.floor(edge.range.size / TILE_WIDTH ** (level + 1));
    tileEdges[level] = cutTiles(level, first, row, tiles);
  }
  return {
    edge: { range, tiles: tileEdges, leaves: bundles.rest },
    bundles: bundles.files,
    tiles,
  };
}

function cutBundles(
  edge: TreeEdge,
  added: readonly Uint8Array[],
): { files: StoredFile[]; rest: Uint8Array[] } {
  const leaves = [...edge.leaves, ...added];
  const first = Math.floor(edge.range.size / TILE_WIDTH);
  const files: StoredFile[] = [];
  let rest: Uint8Array[] = [];
  for (let at = 0; at < leaves.length; at += TILE_WIDTH) {
    const bundle = leaves.slice(at, at + TILE_WIDTH);
    const path = entriesPath(first + at / TILE_WIDTH, bundle.length);
    files.push({ path, bytes: encodeEntryBundle(bundle) });
    if (bundle.length < TILE_WIDTH) rest = bundle;
  }
  return { files, rest };
}

/** Adds the tiles of one row to `files` and returns the hashes of the last when it is partial. */
function cutTiles(level: number, first: number, row: Uint8Array, files: StoredFile[]): Uint8Array {
  let rest = new Uint8Array(0);
  for (let at = 0; at < row.length; at += TILE_BYTES) {
    const bytes = row.subarray(at, at + TILE_BYTES);
    const path = tilePath(level, first + at / TILE_BYTES, bytes.length / HASH_SIZE);
    files.push({ path, bytes });
    if (bytes.length < TILE_BYTES) rest = new Uint8Array(bytes);
  }
  return rest;
}

function concatHashes(before: Uint8Array | undefined, hashes: readonly Uint8Array[]): Uint8Array {
  const start = before?.length ?? 0;
  const row = new Uint8Array(start + hashes.length * HASH_SIZE);
  if (before) row.set(before);
  for (const [i, hash] of hashes.entries()) row.set(hash, start + i * HASH_SIZE);
  return row;
}

/**
 * Reads the partial hash tiles at the right edge of a tree and the compact range that they give.
 * Every node of a compact range lies in one of them.
 *
 * @throws TlogError `tile-missing`, `tile-malformed`
 */
export async function readRange(
  storage: Pick<TileStorage, 'read'>,
  size: number,
  hasher: TreeHasher,
): Promise<{ range: CompactRange; tiles: Uint8Array[] }> {
  const nodes = compactRangeNodes(size);
  const refs = nodes.map((node) => tileOfNode(node, size));
  const levels = new Map(refs.map((tile) => [tile.level, tile]));
  const tiles: Uint8Array[] = Array.from(
    { length: 1 + Math.max(-1, ...levels.keys()) },
    () => new Uint8Array(0),
  );
  await Promise.all(
    [...levels.values()].map(async ({ level, index, width }) => {
      const path = tilePath(level, index, width);
      const bytes = await readNeeded(storage, path);
      if (bytes.length !== width * HASH_SIZE) {
        throw new TlogError(
          'tile-malformed',
          `${path} has ${bytes.length} bytes, not ${width * HASH_SIZE}`,
        );
      }
      tiles[level] = bytes;
    }),
  );
  const hashes = nodes.map((node, i) =>
    nodeFromTile(tiles[refs[i]!.level] ?? new Uint8Array(0), node, hasher),
  );
  return { range: new CompactRange(hasher, size, hashes), tiles };
}

/**
 * The right edge of a tree as storage has it. The caller compares its root with the one it
 * expects; here the entries are compared with their hashes.
 *
 * @throws TlogError `tile-missing`, `tile-malformed`
 */
export async function readEdge(
  storage: Pick<TileStorage, 'read'>,
  size: number,
  hasher: TreeHasher,
): Promise<TreeEdge> {
  const { range, tiles } = await readRange(storage, size, hasher);
  const width = size % TILE_WIDTH;
  if (width === 0) return { range, tiles, leaves: [] };
  const path = entriesPath(Math.floor(size / TILE_WIDTH), width);
  const bytes = await readNeeded(storage, path);
  let leaves: Uint8Array[];
  try {
    leaves = decodeEntryBundle(bytes, width);
  } catch (cause) {
    throw new TlogError('tile-malformed', `${path} is no bundle of ${width} entries`, { cause });
  }
  const hashed = concatHashes(
    undefined,
    leaves.map((leaf) => hasher.leaf(leaf)),
  );
  if (!equalBytes(hashed, tiles[0] ?? new Uint8Array(0))) {
    throw new TlogError('tile-malformed', `the entries of ${path} do not have the hashes logged`);
  }
  return { range, tiles, leaves };
}

async function readNeeded(storage: Pick<TileStorage, 'read'>, path: string): Promise<Uint8Array> {
  const bytes = await storage.read(path);
  if (bytes === undefined) throw new TlogError('tile-missing', `${path} is missing`);
  return bytes;
}
