import {
  HASH_SIZE,
  TILE_WIDTH,
  compactRangeNodes,
  consistencyProof,
  decodeEntryBundle,
  entriesPath,
  inclusionProof,
  tileOfNode,
  tilePath,
  tileWidth,
  CompactRange,
} from '@touchstone/merkle';
import type { GetNode, HashTile, NodeId, TreeHasher } from '@touchstone/merkle';
import { TlogError } from './error.js';
import { nodeHasher } from './node-hasher.js';

export type ReadPath = (path: string) => Promise<Uint8Array | undefined>;

export interface TileReaderOptions {
  /**
   * The size whose tiles can be read, when that is more than a proof asks for: then a proof of any
   * earlier size can be made, also of one that no checkpoint was published for. By default the
   * tiles of exactly the asked size are read.
   */
  readonly latest?: () => number;
  readonly hasher?: TreeHasher;
  /** Tiles kept in memory, each at most 16 KiB. */
  readonly cachedTiles?: number;
}

/** Proofs and entries out of tiles, wherever they are read from. Safe for concurrent use. */
export class TileReader {
  readonly #read: ReadPath;
  readonly #latest: () => number;
  readonly #hasher: TreeHasher;
  readonly #capacity: number;
  /** Least recently used first. Promises, so that concurrent proofs read and hash a tile once. */
  readonly #cache = new Map<string, Subtree | Promise<Subtree>>();

  constructor(read: ReadPath, options: TileReaderOptions = {}) {
    this.#read = read;
    this.#latest = options.latest ?? (() => 0);
    this.#hasher = options.hasher ?? nodeHasher;
    this.#capacity = options.cachedTiles ?? 512;
  }

  /** Audit path of a leaf in the tree of `size` leaves (RFC 6962 section 2.1.1). */
  async inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    const loading = this.#tilesOfProof(index, size).filter((tile) => tile instanceof Promise);
    // Waited for by tile: that each node is waited for costs more than the proof.
    if (loading.length > 0) await Promise.all(loading);
    return inclusionProof(index, size, this.#nodes(size), this.#hasher);
  }

  /** Proof that tree `from` is a prefix of tree `to` (RFC 6962 section 2.1.2). */
  consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    return consistencyProof(from, to, this.#nodes(to), this.#hasher);
  }

  async root(size: number): Promise<Uint8Array> {
    return new CompactRange(this.#hasher, size, await this.compactRange(size, size)).root();
  }

  /** The hashes of the compact range of leaves [0, upTo), out of the tree of `size` leaves. */
  compactRange(upTo: number, size: number): Promise<Uint8Array[]> {
    const node = this.#nodes(size);
    return Promise.all(compactRangeNodes(upTo).map(async (id) => node(id)));
  }

  /** The leaf at an index of the tree of `size` leaves. */
  async entry(index: number, size: number): Promise<Uint8Array> {
    checkIndex(index, size);
    const bundle = Math.floor(index / TILE_WIDTH);
    const width = tileWidth(0, bundle, Math.max(size, this.#latest()));
    const path = entriesPath(bundle, width);
    const entries = decode(path, await this.#bytes(path), width);
    return entries[index % TILE_WIDTH] as Uint8Array;
  }

  /** Hash of the leaf at an index of the tree of `size` leaves (RFC 6962 section 2.1). */
  async leafHash(index: number, size: number): Promise<Uint8Array> {
    checkIndex(index, size);
    const tile = Math.floor(index / TILE_WIDTH);
    const bytes = await this.#tile(0, tile, tileWidth(0, tile, Math.max(size, this.#latest())));
    return new Uint8Array(hashAt(bytes, index % TILE_WIDTH));
  }

  /** The tiles with the nodes beside the path of a leaf, of each level one or two. */
  #tilesOfProof(index: number, size: number): (Subtree | Promise<Subtree>)[] {
    const readable = Math.max(size, this.#latest());
    const tiles: (Subtree | Promise<Subtree>)[] = [];
    let [onPath, last] = [index, size - 1];
    const inTree = index >= 0 && index < size;
    for (let level = 0; inTree && tileWidth(level, 0, size) > 0; level++) {
      onPath = Math.floor(onPath / TILE_WIDTH);
      last = Math.floor(last / TILE_WIDTH);
      for (const tile of new Set([onPath, last])) {
        const beside = tileWidth(level, tile, size) - (tile === onPath ? 1 : 0);
        if (beside <= 0) continue;
        tiles.push(this.#subtree(level, tile, tileWidth(level, tile, readable)));
      }
    }
    return tiles;
  }

  #nodes(size: number): GetNode {
    const readable = Math.max(size, this.#latest());
    // Most nodes of a proof are in the tile that the one before was in.
    let last: HashTile | undefined;
    let subtree: Subtree | Promise<Subtree> | undefined;
    return (id) => {
      const tile = tileOfNode(id, readable);
      if (!subtree || last?.level !== tile.level || last.index !== tile.index) {
        subtree = this.#subtree(tile.level, tile.index, tile.width);
        last = tile;
      }
      return subtree instanceof Subtree ? subtree.node(id) : subtree.then((tile) => tile.node(id));
    };
  }

  #subtree(level: number, index: number, width: number): Subtree | Promise<Subtree> {
    const path = tilePath(level, index, width);
    const cached = this.#cache.get(path);
    if (cached) {
      this.#cache.delete(path);
      this.#cache.set(path, cached);
      return cached;
    }
    const loading = this.#tile(level, index, width).then((tile) => new Subtree(tile, this.#hasher));
    this.#cache.set(path, loading);
    loading.then(
      (subtree) => {
        if (this.#cache.get(path) === loading) this.#cache.set(path, subtree);
      },
      () => this.#cache.delete(path),
    );
    if (this.#cache.size > this.#capacity) {
      this.#cache.delete(this.#cache.keys().next().value as string);
    }
    return loading;
  }

  async #tile(level: number, index: number, width: number): Promise<Uint8Array> {
    const path = tilePath(level, index, width);
    const bytes = await this.#bytes(path);
    if (bytes.length !== width * HASH_SIZE) {
      throw new TlogError(
        'tile-malformed',
        `${path} has ${bytes.length} bytes, not ${width * HASH_SIZE}`,
      );
    }
    return bytes;
  }

  async #bytes(path: string): Promise<Uint8Array> {
    const bytes = await this.#read(path);
    if (bytes === undefined) throw new TlogError('tile-missing', `${path} is missing`);
    return bytes;
  }
}

/** A tile with the nodes between its hashes, computed once: proofs mostly share tiles. */
class Subtree {
  /** Hashes end to end, from the tile's own up to the one node of a full tile. */
  readonly #rows: Uint8Array[];

  constructor(tile: Uint8Array, hasher: TreeHasher) {
    let row = new Uint8Array(tile);
    this.#rows = [row];
    while (row.length > HASH_SIZE) {
      const nodes = Math.floor(row.length / (2 * HASH_SIZE));
      const above = new Uint8Array(nodes * HASH_SIZE);
      for (let i = 0; i < nodes; i++) {
        above.set(hasher.node(hashAt(row, 2 * i), hashAt(row, 2 * i + 1)), i * HASH_SIZE);
      }
      this.#rows.push(above);
      row = above;
    }
  }

  node({ level, index }: NodeId): Uint8Array {
    const height = level % 8;
    const row = this.#rows[height];
    const at = index % (TILE_WIDTH >> height);
    if (!row || (at + 1) * HASH_SIZE > row.length) {
      throw new TlogError('tile-malformed', 'the tile ends before the node asked for');
    }
    return row.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE);
  }
}

function checkIndex(index: number, size: number): void {
  if (Number.isSafeInteger(index) && index >= 0 && index < size) return;
  throw new TlogError('size-out-of-range', `leaf ${index} is not in a tree of size ${size}`);
}

function hashAt(row: Uint8Array, index: number): Uint8Array {
  return row.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
}

function decode(path: string, bytes: Uint8Array, width: number): Uint8Array[] {
  try {
    return decodeEntryBundle(bytes, width);
  } catch (cause) {
    throw new TlogError('tile-malformed', `${path} is no bundle of ${width} entries`, { cause });
  }
}
