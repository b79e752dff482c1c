import {
  CompactRange,
  HASH_SIZE,
  TILE_WIDTH,
  decodeEntryBundle,
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

const MISMATCH = 'its entries do not have the hashes that the tree commits to';

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
  const derived = entries && hashLeaves(entries, hasher);
  const trusted = await trustedHashes(storage, place, derived, hashes, hasher);
  if (derived && trusted && !equalBytes(derived, trusted)) {
    report(path, 'hash-mismatch', MISMATCH);
  }
  if (trusted) {
    const right = derived && equalBytes(derived, trusted) ? entries : undefined;
    await checkPartials(storage, place, { hashes: trusted, entries: right }, hasher, report);
  }
  return trusted;
}

/**
 * The hashes to go on with: the stored ones when they are what the tree above commits to, else
 * those of the entries. A stored tile that differs from these is found when its row is full.
 */
async function trustedHashes(
  storage: Pick<TileStorage, 'read'>,
  place: BundlePlace,
  derived: Uint8Array | undefined,
  stored: Uint8Array | undefined,
  hasher: TreeHasher,
): Promise<Uint8Array | undefined> {
  if (!derived) return stored;
  if (!stored || equalBytes(stored, derived)) return derived;
  const committed = await committedHashes(storage, place);
  return committed && sameHashes(foldTile(stored, hasher), committed) ? stored : derived;
}

function hashLeaves(entries: readonly Uint8Array[], hasher: TreeHasher): Uint8Array {
  const hashes = new Uint8Array(entries.length * HASH_SIZE);
  for (const [at, entry] of entries.entries()) hashes.set(hasher.leaf(entry), at * HASH_SIZE);
  return hashes;
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

/**
 * Bundles published with earlier checkpoints hold the first of the same entries. Compared with
 * the wide bundle where that is right, since comparing is faster than hashing.
 */
async function checkPartials(
  storage: Pick<TileStorage, 'read' | 'list'>,
  { index, width }: BundlePlace,
  expected: { readonly hashes: Uint8Array; readonly entries: readonly Uint8Array[] | undefined },
  hasher: TreeHasher,
  report: ReportProblem,
): Promise<void> {
  const full = entriesPath(index, TILE_WIDTH);
  for (const partial of await partialWidths(storage, full, width)) {
    const path = `${full}.p/${partial}`;
    const entries = await readBundle(storage, path, partial, report);
    if (!entries) continue;
    const same = expected.entries
      ? entries.every((entry, at) => equalBytes(entry, expected.entries?.[at] as Uint8Array))
      : equalBytes(hashLeaves(entries, hasher), expected.hashes.subarray(0, partial * HASH_SIZE));
    if (!same) report(path, 'hash-mismatch', MISMATCH);
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
