import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, startEmbeddedPostgres, StoredLogIndex } from '@touchstone/store';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogIndex, NewLeaf } from './log-index.js';
import { LevelLogIndex } from './level-index.js';

let dir: string;
let postgres: EmbeddedPostgres;
let origins = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-log-index-'));
  postgres = await startEmbeddedPostgres({ dir, settings: { fsync: 'off' } });
  await migrate(postgres.url);
});

afterAll(async () => {
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
});

function hashOf(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

function leaf(text: string, ...keys: string[]): NewLeaf {
  return { hash: hashOf(text), keys };
}

const implementations: [string, () => Promise<LogIndex>][] = [
  ['in a folder', () => LevelLogIndex.open(join(dir, `level-${origins++}`))],
  ['in PostgreSQL', () => openStored(`index-${origins++}.touchstone.dev/log`)],
];

function openStored(origin: string): Promise<StoredLogIndex> {
  return StoredLogIndex.open({ url: postgres.url, origin });
}

describe.each(implementations)('a log index %s', (_name, open) => {
  let index: LogIndex;

  beforeEach(async () => {
    index = await open();
    return () => index.close();
  });

  it('is empty at first', async () => {
    expect(await index.size()).toBe(0);
    expect(await index.find([hashOf('a')])).toEqual([undefined]);
    expect(await index.last()).toBeUndefined();
    expect(await index.search(['a'], 0, 10)).toEqual([]);
  });

  it('finds leaves by hash and key, in the order of the log', async () => {
    await index.add(0, [leaf('a', 'x', 'y'), leaf('b', 'y', 'y')]);
    await index.add(2, [leaf('c', 'x')]);
    expect(await index.size()).toBe(3);
    expect(await index.find([hashOf('c'), hashOf('d'), hashOf('a')])).toEqual([2, undefined, 0]);
    expect(await index.last()).toEqual(hashOf('c'));
    const found = (keys: string[], from = 0, limit = 10): Promise<number[]> =>
      index.search(keys, from, limit);
    expect(await found(['x'])).toEqual([0, 2]);
    expect(await found(['y'])).toEqual([0, 1]);
    expect(await found(['x', 'y', 'z'])).toEqual([0, 1, 2]);
    expect(await found(['x', 'y'], 1)).toEqual([1, 2]);
    expect(await found(['x', 'y'], 0, 2)).toEqual([0, 1]);
  });

  it('keeps to the first of two leaves that are the same', async () => {
    await index.add(0, [leaf('a'), leaf('b'), leaf('a')]);
    expect((await index.find([hashOf('a')]))[0]).toBe(0);
  });

  it('keeps to the first of two leaves also when both were asked for before', async () => {
    const asked = [hashOf('a'), hashOf('b')];
    expect(await index.find(asked)).toEqual([undefined, undefined]);
    await index.add(0, [leaf('a'), leaf('a')]);
    await index.add(2, [leaf('a'), leaf('b')]);
    expect(await index.find(asked)).toEqual([0, 3]);
  });

  it('takes leaves where it ends, and nowhere else', async () => {
    await index.add(0, [leaf('a', 'x')]);
    await expect(index.add(0, [leaf('b', 'x')])).rejects.toThrow(/does not end at leaf 0/);
    await expect(index.add(2, [leaf('b', 'x')])).rejects.toThrow(/does not end at leaf 2/);
    expect(await index.size()).toBe(1);
    expect(await index.search(['x'], 0, 10)).toHaveLength(1);
  });

  it('takes a batch of thousands', async () => {
    const leaves = Array.from({ length: 4096 }, (_, i) => leaf(`${i}`, `k${i % 7}`));
    await index.add(0, leaves);
    expect((await index.find([hashOf('4095')]))[0]).toBe(4095);
    expect(await index.search(['k3'], 0, 10_000)).toHaveLength(585);
  });

  it('forgets everything when it is cleared', async () => {
    await index.add(0, [leaf('a', 'x')]);
    await index.clear();
    expect([await index.size(), await index.last()]).toEqual([0, undefined]);
    expect(await index.search(['x'], 0, 10)).toEqual([]);
    await index.add(0, [leaf('b', 'x')]);
    expect(await index.size()).toBe(1);
  });
});

describe('an index in PostgreSQL', () => {
  it('is there again after a restart, one for each log', async () => {
    const first = await openStored('first.touchstone.dev/log');
    const second = await openStored('second.touchstone.dev/log');
    await first.add(0, [leaf('a', 'x')]);
    await first.close();
    const again = await openStored('first.touchstone.dev/log');
    expect([await again.size(), await second.size()]).toEqual([1, 0]);
    await again.clear();
    await again.close();
    await second.close();
  });

  it('lets one of two writers in, with all its rows or none', async () => {
    const origin = 'twice.touchstone.dev/log';
    const writers = await Promise.all([openStored(origin), openStored(origin)]);
    const results = await Promise.allSettled(
      writers.map((writer, i) => writer.add(0, [leaf(`writer ${i}`, 'x'), leaf('same', 'x')])),
    );
    const [refused] = results.filter((result) => result.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'log-index-conflict' });
    expect(await writers[0].search(['x'], 0, 10)).toHaveLength(2);
    await Promise.all(writers.map((writer) => writer.close()));
  });
});
