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
import type { TileRef } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import { nodeHasher } from '../node-hasher.js';
import type { TileStorage } from '../storage.js';

/** What a file must hold, and the file that says so. */
interface Derived {
  readonly bytes: Uint8Array;
  readonly from: string;
}

type Read = Pick<TileStorage, 'read'>;

/**
 * The bytes that a tile or bundle of a tree of `size` leaves must have, made from what lies below
 * it: hashes from entries, upper hashes from lower ones, a narrow bundle from the wide one. Where
 * the entries are damaged, a narrow tile of hashes is made from the wide one.
 *
 * @param isBad whether a file is known to be damaged, so that nothing is made from it
 * @throws TlogError `tile-missing`, `tile-malformed` when that is not to be had
 */
export async function deriveTile(
  storage: Read,
  tile: TileRef,
  size: number,
  isBad: (path: string) => boolean,
): Promise<Derived> {
  const { index, width } = tile;
  if (tile.kind === 'hash' && tile.level > 0) return deriveUpper(storage, tile, isBad);
  const wide = tileWidth(0, index, size);
  const from = entriesPath(index, wide);
  const hashes = tilePath(0, index, wide);
  if (isBad(from) && tile.kind === 'hash' && width < wide && !isBad(hashes)) {
    const bytes = await required(storage, hashes);
    return { bytes: bytes.slice(0, width * HASH_SIZE), from: hashes };
  }
  refuse(isBad, from);
  const entries = (await readEntries(storage, from, wide)).slice(0, width);
  if (tile.kind === 'entries') return { bytes: encodeEntryBundle(entries), from };
  return { bytes: joined(entries.map((entry) => nodeHasher.leaf(entry))), from };
}

async function deriveUpper(
  storage: Read,
  { level, index, width }: { level: number; index: number; width: number },
  isBad: (path: string) => boolean,
): Promise<Derived> {
  const roots: Uint8Array[] = [];
  for (let child = 0; child < width; child++) {
    const path = tilePath(level - 1, index * TILE_WIDTH + child, TILE_WIDTH);
    refuse(isBad, path);
    roots.push(rootOfTile(await required(storage, path), path));
  }
  const first = tilePath(level - 1, index * TILE_WIDTH, TILE_WIDTH);
  return { bytes: joined(roots), from: width === 1 ? first : `${first} and following` };
}

/** The entries of one bundle. @throws TlogError `tile-missing`, `tile-malformed` */
export async function readEntries(
  storage: Read,
  path: string,
  width: number,
): Promise<Uint8Array[]> {
  const bytes = await required(storage, path);
  try {
    return decodeEntryBundle(bytes, width);
  } catch (cause) {
    throw new TlogError('tile-malformed', `${path} is no bundle of ${width} entries`, { cause });
  }
}

function refuse(isBad: (path: string) => boolean, path: string): void {
  if (isBad(path)) throw new TlogError('tile-malformed', `${path} is damaged too`);
}

function rootOfTile(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length !== TILE_WIDTH * HASH_SIZE) {
    throw new TlogError('tile-malformed', `${path} has ${bytes.length} bytes`);
  }
  const range = new CompactRange(nodeHasher);
  for (let at = 0; at < bytes.length; at += HASH_SIZE)
    range.append(bytes.slice(at, at + HASH_SIZE));
  return range.root();
}

async function required(storage: Read, path: string): Promise<Uint8Array> {
  const bytes = await storage.read(path);
  if (!bytes) throw new TlogError('tile-missing', `${path} is missing`);
  return bytes;
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_SIZE);
  for (const [at, hash] of hashes.entries()) bytes.set(hash, at * HASH_SIZE);
  return bytes;
}
