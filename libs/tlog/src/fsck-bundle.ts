import {
  CompactRange,
  HASH_SIZE,
  TILE_WIDTH,
  decodeEntryBundle,
  encodeEntryBundle,
  entriesPath,
  tilePath,
  tileWidth,
} from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { reason } from './error.js';
import { partialWidths } from './fsck-rows.js';
import type { ReportProblem } from './fsck-problem.js';
import { equalBytes } from './state.js';
import type { TileStorage } from './storage.js';

interface BundlePlace {
  readonly index: number;
  readonly width: number;
  readonly size: number;
  /** The compact range of the whole tree, when the bundle is the partial one at its edge. */
  readonly edge: CompactRange | undefined;
}

/**
 * The leaf hashes of one bundle. Where entries and stored hashes disagree, whichever gives the
 * hash that the tree above commits to is right and the other is reported, so that one damaged
 * file is one problem. Undefined when there is neither.
 */
export async function checkBundle(
  storage: Pick<TileStorage, 'read' | 'list'>,
  place: BundlePlace,
  hasher: TreeHasher,
  report: ReportProblem,
): Promise<Uint8Array | undefined> {
  const { index, width } = place;
  const path = entriesPath(index, width);
  const entries = await readBundle(storage, path, width, report);
  const stored = await storage.read(tilePath(0, index, width));
  const hashes = stored?.length === width * HASH_SIZE ? stored : undefined;
  if (!entries) return hashes;
  await comparePartials(storage, index, entries, report);
  const derived = new Uint8Array(width * HASH_SIZE);
  for (const [at, entry] of entries.entries()) derived.set(hasher.leaf(entry), at * HASH_SIZE);
  if (!hashes || equalBytes(hashes, derived)) return derived;
  const committed = await committedHashes(storage, place);
  if (committed && sameHashes(foldTile(hashes, hasher), committed)) {
    report(path, 'hash-mismatch', 'its entries do not have the hashes that the tree commits to');
    return hashes;
  }
  return derived; // The tile is compared with these, and reported, when its row is full.
}

async function readBundle(
  storage: Pick<TileStorage, 'read'>,
  path: string,
  width: number,
  report: ReportProblem,
): Promise<Uint8Array[] | undefined> {
  const bytes = await storage.read(path);
  if (!bytes) {
    report(path, 'missing', 'the entries are missing');
    return undefined;
  }
  try {
    return decodeEntryBundle(bytes, width);
  } catch (error) {
    report(path, 'malformed', reason(error));
    return undefined;
  }
}

/** Bundles published with earlier checkpoints begin as the wider one does. */
async function comparePartials(
  storage: Pick<TileStorage, 'read' | 'list'>,
  index: number,
  entries: readonly Uint8Array[],
  report: ReportProblem,
): Promise<void> {
  const full = entriesPath(index, TILE_WIDTH);
  for (const width of await partialWidths(storage, full, entries.length)) {
    const path = `${full}.p/${width}`;
    const stored = await storage.read(path);
    if (!stored || !equalBytes(stored, encodeEntryBundle(entries.slice(0, width)))) {
      report(path, 'hash-mismatch', 'it does not begin as the wider bundle does');
    }
  }
}

/** What the tree commits to for this bundle: one hash when it is full, else its compact range. */
async function committedHashes(
  storage: Pick<TileStorage, 'read'>,
  { index, width, size, edge }: BundlePlace,
): Promise<readonly Uint8Array[] | undefined> {
  if (width < TILE_WIDTH) {
    if (!edge) return undefined;
    // One hash for each bit set, the smallest subtrees last: these are the bundle's.
    return edge.hashes.slice(-bitsSet(width));
  }
  const parent = Math.floor(index / TILE_WIDTH);
  const tile = await storage.read(tilePath(1, parent, tileWidth(1, parent, size)));
  const at = (index % TILE_WIDTH) * HASH_SIZE;
  return tile && tile.length >= at + HASH_SIZE ? [tile.slice(at, at + HASH_SIZE)] : undefined;
}

function foldTile(hashes: Uint8Array, hasher: TreeHasher): readonly Uint8Array[] {
  const range = new CompactRange(hasher);
  for (let at = 0; at < hashes.length; at += HASH_SIZE) {
    range.append(hashes.slice(at, at + HASH_SIZE));
  }
  return range.hashes;
}

function sameHashes(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((hash, i) => equalBytes(hash, b[i] as Uint8Array));
}

function bitsSet(width: number): number {
  return width.toString(2).replaceAll('0', '').length;
}
