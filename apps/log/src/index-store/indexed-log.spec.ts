import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { MemoryStorage } from '@touchstone/kit';
import type { StorageCall, StorageFault } from '@touchstone/kit';
import { decodeUtf8, encodeUtf8, formatVerifierKey, noteSigner } from '@touchstone/note';
import { TileReader, Tlog, fsck, nodeHasher } from '@touchstone/tlog';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IndexedLog } from './indexed-log.js';
import type { AppendLog, LoggedEntry } from './indexed-log.js';
import type { LogIndex } from './log-index.js';
import { LeafTimes } from './leaf-times.js';
import { LevelLogIndex } from './level-index.js';

const signer = noteSigner('indexed.touchstone.dev/log', generateKey('ed25519'));
let dir: string;
let folders = 0;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-indexed-'));
});
afterAll(async () => {
  for (const each of opened) await each.close();
  await rm(dir, { recursive: true, force: true });
});

const vkeys = [formatVerifierKey(signer.verifierKey)];

/** The engine over a storage with faults, as the log hands it to the index. */
async function engineOn(storage: MemoryStorage): Promise<AppendLog & { engine: Tlog }> {
  const engine = await Tlog.open({ storage, signer, verify: nodeVerifier });
  const reader = new TileReader((path) => storage.copy().read(path));
  return {
    engine,
    failure: undefined,
    append: (leaf) => engine.append(leaf),
    settle: () => engine.settle(),
    publishedAt: async () => ({ checkpoint: engine.checkpoint(), size: engine.size }),
    readLeaves: (from, to, size) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => reader.entry(from + i, size))),
  };
}

async function openIndex(): Promise<LevelLogIndex> {
  const index = await LevelLogIndex.open(join(dir, `index-${folders++}`));
  opened.push(index);
  return index;
}

async function open(
  log: AppendLog,
  index: LogIndex,
  progress?: (indexed: number, size: number) => void,
): Promise<IndexedLog<AppendLog>> {
  const times = await LeafTimes.open(join(dir, `times-${folders++}`), await log.settle());
  opened.push(times);
  return IndexedLog.open({
    log,
    index,
    times,
    describe: async (leaf) => ({ hash: nodeHasher.leaf(leaf), keys: [decodeUtf8(leaf)] }),
    clock: () => 1,
    ...(progress && { progress }),
    failed: () => undefined,
  });
}

/** Sends each entry until the log has taken it, as clients do. */
async function insist(indexed: IndexedLog<AppendLog>, name: string): Promise<LoggedEntry> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await indexed.append(encodeUtf8(name));
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

function names(count: number, prefix = 'entry'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i}`);
}

/** Each entry stands in the tree once, and the index says where. */
async function check(
  storage: MemoryStorage,
  index: LogIndex,
  entries: ReadonlyMap<string, number>,
): Promise<void> {
  const report = await fsck(storage, { vkeys, verify: nodeVerifier });
  expect(report.problems).toEqual([]);
  const reader = new TileReader((path) => storage.read(path));
  const stored: string[] = [];
  for (let at = 0; at < report.size; at++) {
    stored.push(decodeUtf8(await reader.entry(at, report.size)));
  }
  expect(new Set(stored).size).toBe(stored.length);
  for (const [name, at] of entries) expect(stored[at]).toBe(name);
  expect(await index.size()).toBe(report.size);
  for (const [at, name] of stored.entries()) {
    expect(await index.search([name], 0, 9)).toEqual([at]);
  }
}

describe('an indexed log', () => {
  it('gives one entry one index, however many send it at once and later', async () => {
    const storage = new MemoryStorage();
    const index = await openIndex();
    const indexed = await open(await engineOn(storage), index);
    const sent = names(20).flatMap((name) => [name, name, name]);
    const answers = await Promise.all(sent.map((name) => indexed.append(encodeUtf8(name))));
    const entries = new Map(sent.map((name, i) => [name, answers[i]!.index]));
    expect(entries.size).toBe(20);
    for (const [i, name] of sent.entries()) expect(answers[i]!.index).toBe(entries.get(name));
    expect(answers.filter(({ known }) => !known)).toHaveLength(20);
    const again = await indexed.append(encodeUtf8('entry 7'));
    expect(again).toMatchObject({ known: true, index: entries.get('entry 7') });
    expect((await again.published).size).toBe(20);
    await check(storage, index, entries);
    await indexed.close();
  });

  const rows: [string, StorageCall['op'], RegExp, StorageFault][] = [
    ['not persisted: a bundle is not written', 'write', /^tile\/entries/, 'before'],
    ['not persisted: a bundle is written, an error reported', 'write', /^tile\/entries/, 'after'],
    ['not persisted: a tile is not written', 'write', /^tile\/0/, 'before'],
    ['not persisted: the state is not written', 'write', /^state$/, 'before'],
    ['persisted anyway: the state is written, an error reported', 'write', /^state$/, 'after'],
    ['persisted: the checkpoint is not written', 'write', /^checkpoint$/, 'before'],
  ];

  it.each(rows)('%s; no entry is logged twice', async (_name, op, path, fault) => {
    const storage = new MemoryStorage();
    const index = await openIndex();
    const indexed = await open(await engineOn(storage), index);
    await Promise.all(names(5, 'before').map((name) => insist(indexed, name)));
    let faults = 0;
    storage.fault = (call) =>
      call.op === op && path.test(call.path) && faults++ < 1 ? fault : undefined;
    const sent = [...names(10), ...names(10)];
    const answers = await Promise.all(sent.map((name) => insist(indexed, name)));
    const more = await Promise.all(names(10, 'after').map((name) => insist(indexed, name)));
    expect(faults).toBeGreaterThan(0);
    const entries = new Map(sent.map((name, i) => [name, answers[i]!.index]));
    for (const [i, { index: at }] of more.entries()) entries.set(`after ${i}`, at);
    for (const [i, name] of sent.entries()) expect(answers[i]!.index).toBe(entries.get(name));
    await indexed.log.settle();
    await check(storage, indexed.index, entries);
  });

  it('catches up with what the tree has when it opens', async () => {
    const storage = new MemoryStorage();
    const log = await engineOn(storage);
    for (const name of names(300)) await log.append(encodeUtf8(name));
    const index = await openIndex();
    // The index stopped behind the tree, as a crash between the two leaves it.
    const hash = nodeHasher.leaf(encodeUtf8('entry 0'));
    await index.add(0, [{ hash, keys: ['entry 0'] }]);
    const told: number[][] = [];
    const indexed = await open(log, index, (...progress) => told.push(progress));
    expect(told).toEqual([[300, 300]]);
    const entries = new Map(names(300).map((name, i) => [name, i]));
    await check(storage, index, entries);
    expect(await indexed.append(encodeUtf8('entry 299'))).toMatchObject({
      known: true,
      index: 299,
    });
  });

  it.each([
    ['is of another tree', ['another', 'entry 1']],
    ['is ahead of the tree', names(400)],
  ])('makes an index anew that %s', async (_name, indexedNames) => {
    const storage = new MemoryStorage();
    const log = await engineOn(storage);
    for (const name of names(300)) await log.append(encodeUtf8(name));
    const index = await openIndex();
    const leaves = indexedNames.map((name) => ({
      hash: nodeHasher.leaf(encodeUtf8(`${name}?`)),
      keys: ['stale'],
    }));
    await index.add(0, leaves);
    await open(log, index);
    expect(await index.search(['stale'], 0, 9)).toEqual([]);
    await check(storage, index, new Map(names(300).map((name, i) => [name, i])));
  });

  it('goes on when the index fails for a while, and forgets nothing meanwhile', async () => {
    const storage = new MemoryStorage();
    const index = await openIndex();
    let failing = false;
    const flaky: LogIndex = Object.assign(Object.create(index) as LogIndex, {
      add: (...args: Parameters<LogIndex['add']>) =>
        failing ? Promise.reject(new Error('away')) : index.add(...args),
      size: () => index.size(),
      find: (hashes: Uint8Array[]) => index.find(hashes),
      last: () => index.last(),
      search: (...args: Parameters<LogIndex['search']>) => index.search(...args),
      clear: () => index.clear(),
      close: async () => undefined,
    });
    const indexed = await open(await engineOn(storage), flaky);
    failing = true;
    const first = indexed.append(encodeUtf8('entry 0'));
    const second = indexed.append(encodeUtf8('entry 0'));
    expect((await first).index).toBe((await second).index);
    // The index does not have it, and it is known all the same.
    expect(await index.size()).toBe(0);
    expect(await indexed.append(encodeUtf8('entry 0'))).toMatchObject({ known: true, index: 0 });
    failing = false;
    await expect.poll(() => index.size(), { timeout: 5_000 }).toBe(1);
    await indexed.close();
    await check(storage, index, new Map([['entry 0', 0]]));
  });
});
