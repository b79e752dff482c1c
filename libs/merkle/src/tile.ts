import { MerkleError } from './errors.js';
import { HASH_SIZE, rfc6962, type TreeHasher } from './hash.js';
import { checkNodeId, type NodeId } from './node-id.js';
import { checkSize } from './numbers.js';

/** Hashes in a full tile, entries in a full bundle (C2SP tlog-tiles): tiles are 8 levels high. */
export const TILE_WIDTH = 256;

const TILE_HEIGHT = 8;

/** One tile of hashes or one bundle of entries, at one width: a name for immutable bytes. */
export type TileRef =
  | {
      readonly kind: 'hash';
      readonly level: number;
      readonly index: number;
      /** 1 to 256; 256 is a full tile */
      readonly width: number;
    }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number };

export interface HashTile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/**
 * The tile from which a node can be had in a tree of `size` leaves: it holds the node, or the
 * nodes up to seven levels below that the node is computed from.
 *
 * @throws MerkleError `index-out-of-range` when the node is not complete at this size
 */
export function tileOfNode(id: NodeId, size: number): HashTile {
  checkSize(size);
  checkNodeId(id);
  if ((id.index + 1) * 2 ** id.level > size) {
    throw new MerkleError(
      'index-out-of-range',
      `node ${id.index} of level ${id.level} is not complete in a tree of size ${size}`,
    );
  }
  const level = Math.floor(id.level / TILE_HEIGHT);
  const index = Math.floor((id.index * 2 ** (id.level % TILE_HEIGHT)) / TILE_WIDTH);
  return { level, index, width: tileWidth(level, index, size) };
}

/**
 * How many hashes the tile has in a tree of `size` leaves: 0 to 256. With level 0 it is also the
 * number of entries in the bundle of that index.
 */
export function tileWidth(level: number, index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH;
  return Math.min(Math.max(hashes, 0), TILE_WIDTH);
}

/**
 * A node out of the bytes of its tile (see tileOfNode). The tile may be wider than asked for.
 *
 * @throws MerkleError `tile-length` when the bytes are no tile or end before the node does
 */
export function nodeFromTile(
  tile: Uint8Array,
  id: NodeId,
  hasher: TreeHasher = rfc6962,
): Uint8Array {
  checkNodeId(id);
  if (tile.length % HASH_SIZE !== 0 || tile.length > TILE_WIDTH * HASH_SIZE) {
    throw new MerkleError(
      'tile-length',
      `a tile of ${tile.length} bytes is not 1 to 256 whole hashes`,
    );
  }
  const count = 2 ** (id.level % TILE_HEIGHT);
  const first = (id.index * count) % TILE_WIDTH;
  if ((first + count) * HASH_SIZE > tile.length) {
    throw new MerkleError(
      'tile-length',
      `the tile has ${tile.length / HASH_SIZE} hashes, node ${id.index} of level ${id.level} ` +
        `needs ${first + count}`,
    );
  }
  const hashes: Uint8Array[] = [];
  for (let i = first; i < first + count; i++) {
    // A copy: a hash must not keep the whole tile alive, nor be a Buffer when the tile is one.
    hashes.push(new Uint8Array(tile.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)));
  }
  return perfectRoot(hashes, hasher);
}

function perfectRoot(hashes: Uint8Array[], hasher: TreeHasher): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) {
      above.push(hasher.node(row[i] as Uint8Array, row[i + 1] as Uint8Array));
    }
    row = above;
  }
  return row[0] as Uint8Array;
}

/**
 * Every tile and bundle of a tree of `size` leaves, full and partial: bundles first, then tiles
 * level by level, each from left to right.
 */
export function* tilesOfTree(size: number): Generator<TileRef, void, undefined> {
  checkSize(size);
  for (let index = 0, width; (width = tileWidth(0, index, size)) > 0; index++) {
    yield { kind: 'entries', index, width };
  }
  for (let level = 0; tileWidth(level, 0, size) > 0; level++) {
    for (let index = 0, width; (width = tileWidth(level, index, size)) > 0; index++) {
      yield { kind: 'hash', level, index, width };
    }
  }
}

/**
 * The partial tiles and the partial bundle of a tree of `size` leaves: what a log must serve at a
 * checkpoint of that size beside full tiles. Bundle first, then tiles upwards.
 */
export function partialTiles(size: number): TileRef[] {
  checkSize(size);
  const tiles: TileRef[] = [];
  let hashes = size;
  for (let level = 0; hashes > 0; level++) {
    const width = hashes % TILE_WIDTH;
    const index = Math.floor(hashes / TILE_WIDTH);
    if (width > 0) {
      if (level === 0) tiles.push({ kind: 'entries', index, width });
      tiles.push({ kind: 'hash', level, index, width });
    }
    hashes = index;
  }
  return tiles;
}
