import { createHash } from 'node:crypto';
import { appendFile, cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MerkleMap } from '@touchstone/merkle';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IndexedMap, inRanges, type ExtendOptions } from './indexed-map.js';
import { nodeMapHasher } from './map-hasher.js';
import { decodeKeys } from './map-journal.js';

const keyOf = (name: number): Uint8Array =>
  new Uint8Array(createHash('sha256').update(String(name)).digest());
/** Leaf n stands under its own key and under one that it shares with every third leaf. */
const keysOf = (index: number): Uint8Array[] => [keyOf(index), keyOf(-1 - (index % 3))];
const nothing = { bytes: 0, size: 0 };

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-journal-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function upTo(to: number, more: Partial<ExtendOptions> = {}): ExtendOptions {
  return {
    to,
    readLeaves: async (from, end) => Array.from({ length: end - from }, () => new Uint8Array()),
    keysOf: async (_, index) => ({ keys: keysOf(index) }),
    maxRanges: 10,
    maxKeys: 100_000,
    ...more,
  };
}

function mapOf(size: number): Uint8Array {
  const lists = new Map<string, number[]>();
  for (let i = 0; i < size; i++) {
    for (const key of keysOf(i)) {
      const hex = Buffer.from(key).toString('hex');
      lists.set(hex, [...(lists.get(hex) ?? []), i]);
    }
  }
  const changes = [...lists].map(([hex, list]) => [Buffer.from(hex, 'hex'), list] as const);
  return MerkleMap.empty(nodeMapHasher).with(changes).root();
}

async function kept(): Promise<void> {
  // What a killed process has written stays.
}

/** Ended while the buckets moved to another file, and the nodes were written. */
async function saving(folder: string): Promise<void> {
  await writeFile(join(folder, 'buckets.1'), Buffer.alloc(5000, 7));
  await writeFile(join(folder, 'nodes.tmp'), (await readFile(join(folder, 'nodes'))).subarray(50));
}

/** What was not made durable: buckets behind those that the saved nodes speak of. */
async function unsyncedLost(folder: string): Promise<void> {
  const nodes = await readFile(join(folder, 'nodes'));
  await truncate(join(folder, 'buckets.0'), Number(nodes.readBigUInt64BE(28 + 4 + 4 * 8)));
}

async function bucketsLost(folder: string): Promise<void> {
  await rm(join(folder, 'buckets.0'));
}

async function pagesLost(folder: string): Promise<void> {
  await rm(join(folder, 'pages'));
}

async function nodesTorn(folder: string): Promise<void> {
  await truncate(join(folder, 'nodes'), 3000);
}

describe('the map over the leaves', () => {
  it('grows in steps of any size and comes back from its journal', async () => {
    let map = await IndexedMap.open(dir, nothing);
    for (const to of [1, 2, 100, 164, 700]) {
      const staged = await map.stage(upTo(to));
      expect(map.size).toBeLessThan(to);
      await map.accept(staged);
      expect(map.map.root()).toEqual(mapOf(to));
      const { recorded } = map;
      await map.close();
      map = await IndexedMap.open(dir, recorded);
      expect(map.map.root()).toEqual(mapOf(to));
    }
    await map.close();
  });

  it('forgets what its owner did not record, and finds out when more is missing', async () => {
    const map = await IndexedMap.open(dir, nothing);
    await map.accept(await map.stage(upTo(20)));
    const { recorded } = map;
    await map.accept(await map.stage(upTo(40)));
    await map.close();
    await appendFile(join(dir, 'journal'), 'torn');
    const again = await IndexedMap.open(dir, recorded);
    expect([again.size, again.map.root()]).toEqual([20, mapOf(20)]);
    await again.accept(await again.stage(upTo(30)));
    expect(again.map.root()).toEqual(mapOf(30));
    await again.close();
    await truncate(join(dir, 'journal'), recorded.bytes - 1);
    const journal = expect.objectContaining({ code: 'map-journal' }) as unknown;
    await expect(IndexedMap.open(dir, recorded)).rejects.toEqual(journal);
    await expect(IndexedMap.open(dir, { ...recorded, bytes: 3 })).rejects.toEqual(journal);
  });

  it('notes which leaves could not be read, and stops where there is no room to', async () => {
    const map = await IndexedMap.open(dir, nothing);
    const odd: ExtendOptions['keysOf'] = async (_, index) =>
      index % 2 === 1 ? { keys: keysOf(index), absent: 'x' } : { keys: keysOf(index) };
    const staged = await map.stage(upTo(200, { keysOf: odd, maxRanges: 3 }));
    expect(staged.absent).toEqual([[1, 2], [3, 4], [5, 6]]); // prettier-ignore
    expect(staged.size).toBe(7);
    expect(staged.map.root()).toEqual(mapOf(7));
    const all: ExtendOptions['keysOf'] = async (_, index) => ({ keys: keysOf(index), absent: 'x' });
    expect((await map.stage(upTo(200, { keysOf: all }))).absent).toEqual([[0, 200]]);
    expect(inRanges(staged.absent, 3) && !inRanges(staged.absent, 4)).toBe(true);
    await map.close();
  });

  it('is right wherever the process ended, and whatever was not durable by then', async () => {
    const copy = join(dir, 'copy');
    const map = await IndexedMap.open(join(dir, 'map'), nothing);
    const before = [nothing];
    for (const to of [300, 301, 500, 900]) {
      await map.stage(upTo(to + 40));
      await map.accept(await map.stage(upTo(to)));
      if (to === 500) {
        await map.close();
        break;
      }
      before.push(map.recorded);
    }
    const saved = map.recorded;
    const again = await IndexedMap.open(join(dir, 'map'), saved);
    await again.accept(await again.stage(upTo(900)));
    await again.stage(upTo(950));
    const { recorded } = again;
    // Ended now, with the map saved at 500 leaves; its owner may have recorded any map before.
    for (const then of [...before, saved, recorded]) {
      for (const spoil of [kept, saving, unsyncedLost, bucketsLost, nodesTorn, pagesLost]) {
        await rm(copy, { recursive: true, force: true });
        await cp(join(dir, 'map'), copy, { recursive: true });
        await spoil(copy);
        const found = await IndexedMap.open(copy, then);
        expect([found.size, found.map.root()]).toEqual([then.size, mapOf(then.size)]);
        await found.accept(await found.stage(upTo(901)));
        expect(found.map.root()).toEqual(mapOf(901));
        await found.close();
      }
    }
    await again.close();
  });

  it('is made again from its journal when its files are found damaged', async () => {
    const first = await IndexedMap.open(dir, nothing);
    await first.accept(await first.stage(upTo(400)));
    await first.close();
    const buckets = join(dir, 'buckets.0');
    await writeFile(buckets, (await readFile(buckets)).fill(0));
    let map = await IndexedMap.open(dir, first.recorded);
    const broken = expect.objectContaining({ code: 'map-store' }) as Error;
    expect(() => map.map.prove(keyOf(1))).toThrow(broken);
    await expect(map.stage(upTo(800))).rejects.toEqual(broken);
    await map.discard();
    map = await IndexedMap.open(dir, first.recorded);
    expect(map.map.count(keyOf(1))).toBe(1);
    await map.accept(await map.stage(upTo(800)));
    expect(map.map.root()).toEqual(mapOf(800));
    await map.close();
  });

  it('does not outgrow its memory', async () => {
    const map = await IndexedMap.open(dir, nothing);
    await expect(map.stage(upTo(500, { maxKeys: 100 }))).rejects.toMatchObject({
      code: 'map-full',
    });
    expect(map.size).toBe(0);
    await map.close();
  });
});

it('a journal is read as it was written, wherever it is cut', () => {
  const leaves = fc.array(fc.array(fc.nat(50).map(keyOf), { maxLength: 4 }), { maxLength: 20 });
  fc.assert(
    fc.property(leaves, fc.double({ min: 0, max: 1, noNaN: true }), (all, at) => {
      const bytes = Buffer.concat(
        all.flatMap((keys) => [Uint8Array.of(0, keys.length), ...keys.map((key) => key)]),
      );
      const cut = Math.floor(at * bytes.length);
      const first = decodeKeys(bytes.subarray(0, cut));
      const second = decodeKeys(Buffer.concat([first.rest, bytes.subarray(cut)]));
      expect([...first.leaves, ...second.leaves]).toEqual(all);
      expect(second.rest).toHaveLength(0);
    }),
    { seed: 80, numRuns: 200 },
  );
});
