import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MemoryStorage, testSigner, vectorsDir } from '@touchstone/kit';
import { parseTilePath, verifyConsistency, verifyInclusion } from '@touchstone/merkle';
import { encodeUtf8, noteSigner, parseCheckpoint, parseNote } from '@touchstone/note';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeHasher } from './node-hasher.js';
import { TileReader } from './tile-reader.js';
import { Tlog } from './tlog.js';

const SIZE = 66_000;
const SIZES = [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, SIZE];
const leaf = (index: number) => encodeUtf8(`leaf ${index}`);
let storage: MemoryStorage;
let reader: TileReader;

beforeAll(async () => {
  storage = new MemoryStorage();
  const signer = noteSigner('reader.touchstone.dev/log', testSigner());
  const limits = { batchEntries: 65_536, poolEntries: SIZE };
  const log = await Tlog.open({ storage, signer, limits });
  await Promise.all(Array.from({ length: SIZE }, (_, index) => log.append(leaf(index))));
  await log.close();
  reader = new TileReader((path) => storage.read(path), { latest: () => SIZE, cachedTiles: 4 });
});

describe('TileReader', () => {
  it('proves leaves at sizes that were never published', async () => {
    for (const size of SIZES) {
      const root = await reader.root(size);
      for (const index of [0, size >> 1, size - 1]) {
        const proof = await reader.inclusionProof(index, size);
        const leafHash = nodeHasher.leaf(leaf(index));
        verifyInclusion({ index, size, leafHash, proof, root }, nodeHasher);
        expect(await reader.entry(index, size)).toEqual(leaf(index));
        expect(await reader.leafHash(index, size)).toEqual(leafHash);
      }
    }
  });

  it('proves that each size is a prefix of each later one', async () => {
    for (const size1 of SIZES) {
      for (const size2 of SIZES.filter((size) => size >= size1)) {
        const [root1, root2] = [await reader.root(size1), await reader.root(size2)];
        const proof = await reader.consistencyProof(size1, size2);
        verifyConsistency({ size1, root1, size2, root2, proof }, nodeHasher);
      }
    }
  });

  it('reads a tile once for proofs that are made at the same time', async () => {
    let reads = 0;
    const counting = new TileReader((path) => (reads++, storage.read(path)));
    await Promise.all(Array.from({ length: 50 }, (_, i) => counting.inclusionProof(i, SIZE)));
    expect(reads).toBeLessThanOrEqual(4);
  });

  it('tells a missing tile from a malformed one, and tries again', async () => {
    let bytes: Uint8Array | undefined;
    const broken = new TileReader(() => Promise.resolve(bytes));
    await expect(broken.root(1)).rejects.toMatchObject({ code: 'tile-missing' });
    bytes = new Uint8Array(31);
    await expect(broken.root(1)).rejects.toMatchObject({ code: 'tile-malformed' });
    await expect(broken.leafHash(0, 1)).rejects.toMatchObject({ code: 'tile-malformed' });
    bytes = new Uint8Array(32);
    expect(await broken.root(1)).toEqual(bytes);
    expect(await broken.leafHash(0, 1)).toEqual(bytes);
    await expect(broken.entry(1, 1)).rejects.toMatchObject({ code: 'size-out-of-range' });
    await expect(broken.leafHash(1, 1)).rejects.toMatchObject({ code: 'size-out-of-range' });
    await expect(broken.entry(0, 1)).rejects.toMatchObject({ code: 'tile-malformed' });
  });

  const vectors = vectorsDir();
  it.skipIf(!vectors)(
    `gives the roots of a log that another implementation wrote${vectors ? '' : ' (no vectors folder)'}`,
    async () => {
      const dir = join(vectors ?? '', 'tlog/tessera-15');
      const foreign = new TileReader((path) => {
        parseTilePath(path);
        return readFile(join(dir, path));
      });
      for (let size = 1; size <= 15; size++) {
        const note = parseNote(await readFile(join(dir, `checkpoint.${size}`)));
        expect(await foreign.root(size)).toEqual(parseCheckpoint(note.text).root);
      }
    },
  );
});
