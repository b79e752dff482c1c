import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompactRange } from './compact-range.js';
import { MerkleError } from './errors.js';
import { treeHasher } from './hash.js';
import { consistencyProof, inclusionProof } from './prove.js';
import { nodeFromTile, partialTiles, tileOfNode, tilesOfTree, type TileRef } from './tile.js';
import { entriesPath, parseTilePath, pathOfTile, tilePath } from './tile-path.js';
import { verifyConsistency, verifyInclusion } from './verify.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const hasher = treeHasher((data) => createHash('sha256').update(data).digest());

describe('tile paths', () => {
  it.each<[string, TileRef]>([
    ['tile/0/000', { kind: 'hash', level: 0, index: 0, width: 256 }],
    ['tile/0/x001/067', { kind: 'hash', level: 0, index: 1067, width: 256 }],
    ['tile/0/x001/x234/067', { kind: 'hash', level: 0, index: 1234067, width: 256 }],
    ['tile/0/x001/000', { kind: 'hash', level: 0, index: 1000, width: 256 }],
    ['tile/2/999.p/1', { kind: 'hash', level: 2, index: 999, width: 1 }],
    ['tile/63/x001/067.p/255', { kind: 'hash', level: 63, index: 1067, width: 255 }],
    ['tile/entries/000', { kind: 'entries', index: 0, width: 256 }],
    ['tile/entries/x273/000.p/112', { kind: 'entries', index: 273000, width: 112 }],
    [
      'tile/0/x009/x007/x199/x254/x740/991',
      { kind: 'hash', level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
    ],
  ])('%s', (path, tile) => {
    expect(pathOfTile(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it.each([
    '',
    'tile',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/x000/001',
    'tile/0/x001',
    'tile/0/001/002',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/100/000',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/999',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000.q/1',
    'tile/0/000\n',
    'tile/0/٠٠٠',
    'tile/data/000',
    'tile/entries/../000',
    'tile/0/x009/x007/x199/x254/x740/992',
    `tile/0/${'x001/'.repeat(20)}000`,
  ])('refuses %j', (path) => {
    expect(() => parseTilePath(path)).toThrow(code('tile-path'));
  });

  it('refuses what has no path', () => {
    expect(() => tilePath(64, 0, 1)).toThrow(code('level-out-of-range'));
    expect(() => tilePath(0.5, 0, 1)).toThrow(code('level-out-of-range'));
    expect(() => tilePath(0, -1, 1)).toThrow(code('index-out-of-range'));
    expect(() => entriesPath(2 ** 53, 1)).toThrow(code('index-out-of-range'));
    expect(() => entriesPath(0, 0)).toThrow(code('tile-width'));
    expect(() => entriesPath(0, 257)).toThrow(code('tile-width'));
  });

  it('are read back, and nothing else is', () => {
    const index = fc.oneof(fc.nat(5000), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.nat(63), index, fc.integer({ min: 1, max: 256 }), (level, i, width) => {
        expect(parseTilePath(tilePath(level, i, width))).toEqual({
          kind: 'hash',
          level,
          index: i,
          width,
        });
      }),
      { seed: 1, numRuns: 300 },
    );
    const piece = fc.constantFrom(
      'tile/',
      '0',
      '1',
      'x',
      '/',
      '000',
      'x001/',
      '.p/',
      'entries',
      '-',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (path) => {
        try {
          expect(pathOfTile(parseTilePath(path))).toBe(path);
        } catch (error) {
          expect(error).toBeInstanceOf(MerkleError);
        }
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});

describe('the tiles of a tree', () => {
  it('are those of the example in the specification: 70,000 leaves', () => {
    const tiles = [...tilesOfTree(70_000)];
    const count = (kind: string, level?: number): string => {
      const some = tiles.filter((t) => t.kind === kind && (t.kind !== 'hash' || t.level === level));
      const partial = some.filter((t) => t.width < 256).map((t) => t.width);
      return `${some.length - partial.length} full, partial ${partial.join()}`;
    };
    expect(count('entries')).toBe('273 full, partial 112');
    expect(count('hash', 0)).toBe('273 full, partial 112');
    expect(count('hash', 1)).toBe('1 full, partial 17');
    expect(count('hash', 2)).toBe('0 full, partial 1');
    expect(count('hash', 3)).toBe('0 full, partial ');
    expect(partialTiles(70_000)).toEqual(tiles.filter((t) => t.width < 256));
  });

  it('are no partial ones where none are due', () => {
    expect([...tilesOfTree(0)]).toEqual([]);
    expect(partialTiles(0)).toEqual([]);
    expect(partialTiles(256)).toEqual([{ kind: 'hash', level: 1, index: 0, width: 1 }]);
    expect(partialTiles(2 ** 48)).toEqual([{ kind: 'hash', level: 6, index: 0, width: 1 }]);
    expect(partialTiles(Number.MAX_SAFE_INTEGER)).toHaveLength(8);
  });

  it.each([1, 15, 255, 256, 257, 65_535, 65_536, 65_537])('partial ones at size %d', (size) => {
    expect(partialTiles(size)).toEqual([...tilesOfTree(size)].filter((t) => t.width < 256));
  });
});

describe('proofs out of tiles', () => {
  const SIZE = 66_000;
  const tiles = new Map<string, Uint8Array>();
  const roots = new Map<number, Uint8Array>();
  const sizes = [1, 2, 255, 256, 257, 511, 1000, 65_535, 65_536, 65_537, SIZE];
  const leafOf = (i: number): Uint8Array => hasher.leaf(Buffer.from(i.toString()));

  beforeAll(() => {
    const range = new CompactRange(hasher);
    for (let i = 0; i < SIZE; i++) {
      range.append(leafOf(i), (level, index, hash) => {
        if (level % 8 !== 0) return;
        const key = `${level / 8}/${Math.floor(index / 256)}`;
        const tile = tiles.get(key) ?? new Uint8Array(8192);
        tile.set(hash, (index % 256) * 32);
        tiles.set(key, tile);
      });
      if (sizes.includes(range.size)) roots.set(range.size, range.root());
    }
  });

  function reader(size: number) {
    return (id: { level: number; index: number }): Uint8Array => {
      const { level, index, width } = tileOfNode(id, size);
      const tile = tiles.get(`${level}/${index}`) as Uint8Array;
      return nodeFromTile(tile.subarray(0, width * 32), id, hasher);
    };
  }

  it('verify at every size', async () => {
    for (const size of sizes) {
      const root = roots.get(size) as Uint8Array;
      for (const index of [0, 1, 255, 256, 65_535, 65_536, size - 1].filter((i) => i < size)) {
        const proof = await inclusionProof(index, size, reader(size), hasher);
        verifyInclusion({ index, size, leafHash: leafOf(index), proof, root }, hasher);
      }
      for (const size1 of sizes.filter((s) => s <= size)) {
        const proof = await consistencyProof(size1, size, reader(size), hasher);
        const root1 = roots.get(size1) as Uint8Array;
        verifyConsistency({ size1, root1, size2: size, root2: root, proof }, hasher);
      }
    }
  });

  it('come from the tile that the node is in', () => {
    expect(tileOfNode({ level: 0, index: 0 }, 1)).toEqual({ level: 0, index: 0, width: 1 });
    expect(tileOfNode({ level: 7, index: 1 }, 300)).toEqual({ level: 0, index: 0, width: 256 });
    expect(tileOfNode({ level: 8, index: 0 }, 300)).toEqual({ level: 1, index: 0, width: 1 });
    expect(tileOfNode({ level: 0, index: 2 ** 40 }, 2 ** 40 + 5)).toEqual({
      level: 0,
      index: 2 ** 32,
      width: 5,
    });
    expect(tileOfNode({ level: 52, index: 0 }, Number.MAX_SAFE_INTEGER)).toEqual({
      level: 6,
      index: 0,
      width: 31,
    });
  });

  it('are refused where node or tile is not there', () => {
    expect(() => tileOfNode({ level: 1, index: 0 }, 1)).toThrow(code('index-out-of-range'));
    expect(() => tileOfNode({ level: 53, index: 0 }, 1)).toThrow(code('level-out-of-range'));
    expect(() => tileOfNode({ level: -1, index: 0 }, 1)).toThrow(code('level-out-of-range'));
    expect(() => tileOfNode({ level: 52, index: 2 }, 2 ** 53 - 1)).toThrow(
      code('index-out-of-range'),
    );
    const id = { level: 0, index: 1 };
    expect(() => nodeFromTile(new Uint8Array(32), id)).toThrow(code('tile-length'));
    expect(() => nodeFromTile(new Uint8Array(65), id)).toThrow(code('tile-length'));
    expect(() => nodeFromTile(new Uint8Array(257 * 32), id)).toThrow(code('tile-length'));
    expect(() => nodeFromTile(new Uint8Array(64), { level: 1, index: 1 })).toThrow(
      code('tile-length'),
    );
  });
});
