import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MerkleMap } from '@touchstone/merkle';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskMap } from './disk-map.js';
import { KeyChanges } from './key-changes.js';
import type { MapView } from './map-view.js';
import { nodeMapHasher } from './map-hasher.js';

const keyOf = (name: string | number): Buffer => createHash('sha256').update(String(name)).digest();

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-map-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Lists = ReadonlyMap<string, readonly number[]>;

/** A disk map beside the map of `@touchstone/merkle`, to which the same is done. */
class Twins {
  disk: DiskMap;
  model = MerkleMap.empty(nodeMapHasher);
  /** Versions before, with what they have to be. */
  readonly past: { view: MapView; model: MerkleMap }[] = [];
  #size = 0;

  constructor(disk: DiskMap) {
    this.disk = disk;
  }

  async stage(lists: Lists): Promise<{ view: MapView; model: MerkleMap }> {
    const changes = new KeyChanges();
    const modelChanges = [...lists].map(([hex, list]) => [Buffer.from(hex, 'hex'), list] as const);
    for (const [key, list] of modelChanges) for (const index of list) changes.add(key, index);
    await this.disk.apply(changes.take());
    const view = await this.disk.staged();
    return { view, model: this.model.with(modelChanges) };
  }

  async take(lists: Lists): Promise<void> {
    const { view, model } = await this.stage(lists);
    this.disk.commit(++this.#size, 0);
    this.model = model;
    this.past.push({ view, model });
  }

  async reopen(minGarbage?: number): Promise<void> {
    await this.disk.save();
    this.disk.close();
    this.disk = await DiskMap.open(dir, minGarbage);
    this.past.length = 0;
  }
}

async function expectSame(view: MapView, model: MerkleMap, keys: readonly Buffer[]): Promise<void> {
  expect(view.root()).toEqual(model.root());
  expect(view.size).toBe(model.size);
  for (const key of keys) {
    expect(view.prove(key)).toEqual(model.prove(key));
    const count = view.count(key);
    expect(count).toBe(model.count(key));
    for (const page of new Set([0, Math.ceil(count / 256) - 1])) {
      if (count > 0) expect(await view.page(key, page)).toEqual(await model.page(key, page));
    }
  }
}

/** Keys that are spread, and such as share nearly all of their bits. */
const hexKey = fc.oneof(
  { weight: 9, arbitrary: fc.nat(600).map((n) => keyOf(n).toString('hex')) },
  fc.nat(70).map((n) => 'ab'.repeat(31) + n.toString(16).padStart(2, '0')),
);
const batch = fc.array(fc.tuple(hexKey, fc.integer({ min: 1, max: 400 })), { maxLength: 120 });
const act = fc.oneof(
  { weight: 6, arbitrary: batch.map((keys) => ({ do: 'take', keys }) as const) },
  { weight: 2, arbitrary: batch.map((keys) => ({ do: 'drop', keys }) as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'save' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'reopen' } as const) },
);

it('is the map of the definition, whatever is taken, dropped, saved and opened again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 14 }), fc.array(hexKey), async (acts, asked) => {
      await rm(dir, { recursive: true, force: true });
      const twins = new Twins(await DiskMap.open(dir, 4096));
      const keys = asked.map((hex) => Buffer.from(hex, 'hex'));
      let next = 0;
      const listsOf = (drawn: readonly (readonly [string, number])[]): Lists =>
        new Map(drawn.map(([hex, n]) => [hex, Array.from({ length: n }, () => next++)]));
      for (const each of acts) {
        if (each.do === 'take') await twins.take(listsOf(each.keys));
        if (each.do === 'drop') {
          const { view, model } = await twins.stage(listsOf(each.keys));
          await expectSame(view, model, keys);
          twins.disk.rollback();
          expect(view.readable).toBe(false);
        }
        if (each.do === 'save') await twins.disk.save();
        if (each.do === 'reopen') await twins.reopen(4096);
        await expectSame(twins.disk.view(), twins.model, keys);
      }
      for (const { view, model } of twins.past.slice(-4)) await expectSame(view, model, keys);
      twins.disk.close();
    }),
    { seed: 130, numRuns: 25 },
  );
}, 60_000);

describe('versions', () => {
  it('stay readable, eight of them, while one is made and after buckets moved', async () => {
    const twins = new Twins(await DiskMap.open(dir, 0));
    const keys = Array.from({ length: 40 }, (_, i) => keyOf(i * 50));
    for (let i = 0; i < 14; i++) {
      const names = Array.from({ length: 150 }, (_, k) => keyOf(i * 150 + k));
      await twins.take(new Map(names.map((key) => [key.toString('hex'), [i]])));
      // Buckets are written anew here, and what is older is in the file before.
      if (i % 3 === 2) await twins.disk.save();
    }
    await twins.stage(new Map(keys.map((key) => [key.toString('hex'), [99]])));
    const readable = twins.past.filter(({ view }) => view.readable);
    expect(readable).toHaveLength(9);
    for (const { view, model } of readable) await expectSame(view, model, keys);
    const [oldest] = twins.past;
    expect(() => oldest?.view.prove(keyOf(1))).toThrow(
      expect.objectContaining({ code: 'map-version' }) as Error,
    );
    expect(await readdir(dir)).toHaveLength(3);
    twins.disk.close();
    expect(twins.past.some(({ view }) => view.readable)).toBe(false);
  });
});

describe('a long list', () => {
  it('is that of the definition however it grew, and an older map has its beginning', async () => {
    const twins = new Twins(await DiskMap.open(dir));
    const key = keyOf('listed');
    let next = 0;
    for (const more of [1, 254, 1, 1, 255, 256, 300, 1500, 257, 7000, 3]) {
      const list = Array.from({ length: more }, () => 3 * next++);
      await twins.take(new Map([[key.toString('hex'), list]]));
      if (more === 300) await twins.reopen();
      const { view, model } = twins.past.at(-1) ?? { view: twins.disk.view(), model: twins.model };
      const pages = Math.ceil(view.count(key) / 256);
      for (let page = 0; page < pages; page++) {
        expect(await view.page(key, page)).toEqual(await model.page(key, page));
      }
      await expect(view.page(key, pages)).rejects.toMatchObject({ code: 'index-out-of-range' });
    }
    for (const { view, model } of twins.past) await expectSame(view, model, [key]);
    twins.disk.close();
  });

  it('that would not ascend is refused, and the map stays as it was', async () => {
    const twins = new Twins(await DiskMap.open(dir));
    const hex = keyOf('listed').toString('hex');
    await twins.take(new Map([[hex, Array.from({ length: 256 }, (_, i) => i)]]));
    for (const list of [[255], [300, 300], [2 ** 53], [256.5]]) {
      await expect(twins.stage(new Map([[hex, list]]))).rejects.toMatchObject({ code: 'map-list' });
      twins.disk.rollback();
    }
    await expectSame(twins.disk.view(), twins.model, [keyOf('listed')]);
    twins.disk.close();
  });
});

describe('damage', () => {
  const keys = Array.from({ length: 300 }, (_, i) => keyOf(i));
  const long = keyOf('long');
  const some = [long, ...keys.slice(0, 5)];

  async function grown(): Promise<Twins> {
    const twins = new Twins(await DiskMap.open(dir));
    const lists = new Map(keys.map((key, i) => [key.toString('hex'), [i]]));
    lists.set(
      long.toString('hex'),
      Array.from({ length: 5000 }, (_, i) => i),
    );
    await twins.take(lists);
    await twins.disk.save();
    twins.disk.close();
    return twins;
  }

  /** What the map answers: as it should, or that it is damaged. Anything else fails. */
  async function answers(twins: Twins): Promise<'right' | 'damaged'> {
    try {
      twins.disk = await DiskMap.open(dir);
      try {
        const view = twins.disk.view();
        await expectSame(view, twins.model, some);
        for (let page = 0; page < Math.ceil(5000 / 256); page++) {
          expect((await view.page(long, page)).indices[0]).toBe(page * 256);
        }
        // Takes in all buckets, and the pages of the list.
        await twins.take(new Map([...keys, long].map((key) => [key.toString('hex'), [9999]])));
        await expectSame(twins.disk.view(), twins.model, some);
        return 'right';
      } finally {
        twins.disk.close();
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'map-store') throw error;
      return 'damaged';
    }
  }

  it.each(['nodes', 'buckets.0', 'pages'])(
    'in %s never makes a wrong answer',
    async (name) => {
      const twins = await grown();
      const { model } = twins;
      const path = join(dir, name);
      const bytes = await readFile(path);
      let found = 0;
      for (let i = 0; i < 24; i++) {
        const at = (i * 7919 * 31) % bytes.length;
        const bad = Buffer.from(bytes);
        bad[at] = (bad[at] as number) ^ (1 << (i % 8));
        await writeFile(path, bad);
        twins.model = model;
        if ((await answers(twins)) === 'damaged') found++;
      }
      // Bytes between buckets, and hashes that nobody asked for, do no harm.
      expect(found).toBeGreaterThan(name === 'pages' ? 4 : 20);
      await writeFile(path, bytes.subarray(0, bytes.length / 2));
      expect(await answers(twins)).toBe('damaged');
    },
    30_000,
  );

  it('made on purpose leads neither in a circle nor out of the files', async () => {
    await grown();
    const path = join(dir, 'nodes');
    const bytes = await readFile(path);
    const head = 28 + 4 + 8 * 8;
    const count = (bytes.length - head - 32) / 40;
    const words = head + count * 32;
    const bad: [node: number, place: number, length: number][] = [
      [0, 0, 0xffff_ffff],
      [0, 3, 0xffff_ffff],
      [2, 2, 0xffff_ffff],
      [2, count, 0xffff_ffff],
      [2, 2 ** 31, 100],
      [2, 0, 2 ** 31],
    ];
    for (const [node, place, length] of bad) {
      const forged = Buffer.from(bytes);
      forged.set(new Uint8Array(Uint32Array.of(place, length).buffer), words + node * 8);
      const checked = forged.subarray(0, -32);
      forged.set(createHash('sha256').update(checked).digest(), checked.length);
      await writeFile(path, forged);
      await expect(DiskMap.open(dir)).rejects.toMatchObject({ code: 'map-store' });
    }
    const huge = Buffer.from(bytes);
    huge.writeBigUInt64BE(2n ** 63n, 28 + 4 + 7 * 8);
    await writeFile(path, huge);
    await expect(DiskMap.open(dir)).rejects.toMatchObject({ code: 'map-store' });
  });
});
