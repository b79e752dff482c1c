import { appendFile, mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeafTimes } from './leaf-times.js';

let dir: string;
let path: string;
let times: LeafTimes;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-times-'));
  path = join(dir, 'times');
  times = await LeafTimes.open(path, 0);
});
afterEach(async () => {
  await times.close();
  await rm(dir, { recursive: true });
});

async function reopen(size: number, meanwhile?: () => Promise<unknown>): Promise<void> {
  await times.close();
  await meanwhile?.();
  times = await LeafTimes.open(path, size);
}

async function all(count: number): Promise<(number | undefined)[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => times.at(at)));
}

describe('times of leaves', () => {
  it('say which leaves came between two of them', async () => {
    expect(await times.between(0, 1000)).toEqual({ from: 0, to: 0 });
    await times.note(0, 2, 100);
    // Of the leaves 2 to 4 nobody noted the time.
    await times.note(5, 1, 101);
    await times.note(6, 3, 103);
    for (const [since, until, from, to] of [
      [0, 1000, 0, 9],
      [100, 101, 0, 2],
      [101, 102, 2, 6],
      [102, 103, 6, 6],
      [103, 104, 6, 9],
      [104, 1000, 9, 9],
      [0, 100, 0, 0],
    ] as const) {
      expect(await times.between(since, until)).toEqual({ from, to });
    }
  });

  it('are those of their batch, one row for each second, and come back', async () => {
    await times.note(0, 2, 100);
    await times.note(2, 3, 100);
    await times.note(5, 1, 101);
    await times.note(6, 1, 103);
    const expected = [100, 100, 100, 100, 100, 101, 103, undefined];
    expect(await all(8)).toEqual(expected);
    expect((await stat(path)).size).toBe(48);
    await reopen(7);
    expect(await all(8)).toEqual(expected);
    expect(times.end).toBe(7);
    await times.note(7, 1, 103);
    expect((await stat(path)).size).toBe(48);
    await expect(times.note(7, 1, 104)).rejects.toThrow(/noted already/);
  });

  it('do not fall when the clock does', async () => {
    await times.note(0, 1, 200);
    await times.note(1, 1, 150);
    await reopen(2);
    await times.note(2, 1, 20);
    expect(await all(3)).toEqual([200, 200, 200]);
  });

  it('of leaves from before anything was noted are the next time', async () => {
    await times.note(10, 2, 300);
    await reopen(12);
    expect(await all(13)).toEqual([...Array<number>(12).fill(300), undefined]);
  });
});

describe('a crash', () => {
  const rows: readonly [string, (size: number) => Promise<unknown>, (number | undefined)[]][] = [
    ['before the row: not persisted', async () => undefined, [100, 100, 101, undefined]],
    [
      'within the row: not persisted',
      async () => appendFile(path, Buffer.alloc(9)),
      [100, 100, 101, undefined],
    ],
    [
      'after a row of zeros: not persisted',
      async () => appendFile(path, Buffer.alloc(16)),
      [100, 100, 101, undefined],
    ],
    [
      'after the row: persisted anyway',
      async () => appendFile(path, Buffer.from('00000000000000040000000000000066', 'hex')),
      [100, 100, 101, 102],
    ],
    [
      'that lost the last row: earlier times stay',
      async (size) => truncate(path, size - 16),
      [100, 100, undefined, undefined],
    ],
  ];

  it.each(rows)('%s', async (_name, damage, expected) => {
    await times.note(0, 2, 100);
    await times.note(2, 1, 101);
    await reopen(4, async () => damage((await stat(path)).size));
    expect(await all(4)).toEqual(expected);
    const known = expected.filter((time) => time !== undefined).length;
    expect(times.end).toBe(known);
    if (known < 4) await times.note(known, 4 - known, 500);
    await reopen(4);
    expect((await all(4)).slice(known)).toEqual(Array(4 - known).fill(500));
    expect((await all(4)).slice(0, known)).toEqual(expected.slice(0, known));
  });

  it('of a tree that was taken back leaves no times of leaves it does not have', async () => {
    await times.note(0, 4, 100);
    await times.note(4, 4, 101);
    await times.note(8, 4, 102);
    await reopen(6);
    expect(await all(7)).toEqual([100, 100, 100, 100, 101, 101, undefined]);
    await times.note(6, 1, 400);
    await reopen(7);
    expect(await all(8)).toEqual([100, 100, 100, 100, 101, 101, 400, undefined]);
    expect((await readFile(path)).length).toBe(48);
  });
});
