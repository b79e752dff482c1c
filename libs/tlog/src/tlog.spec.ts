import { MemoryStorage, testSigner } from '@touchstone/kit';
import { encodeUtf8, nobleVerifier, noteSigner, openCheckpoint } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { STATE_PATH } from './storage.js';
import { Tlog } from './tlog.js';
import type { TlogEvent, TlogOptions } from './tlog-options.js';
import { TileReader } from './tile-reader.js';

const signer = noteSigner('unit.touchstone.dev/log', testSigner());

function open(storage: MemoryStorage, options: Partial<TlogOptions> = {}): Promise<Tlog> {
  return Tlog.open({ storage, signer, ...options });
}

function leaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => encodeUtf8(`leaf ${i}`));
}

async function sizeOf(note: string): Promise<number> {
  return (await openCheckpoint(note, [signer.verifierKey], nobleVerifier)).checkpoint.size;
}

describe('Tlog', () => {
  it('publishes the empty tree when it begins', async () => {
    const log = await open(new MemoryStorage());
    expect(log.size).toBe(0);
    expect(await sizeOf(log.checkpoint())).toBe(0);
    await log.close();
  });

  it('gives indices in the order of the appends, and a checkpoint that covers them', async () => {
    const storage = new MemoryStorage();
    const log = await open(storage);
    const appended = await Promise.all(leaves(600).map((leaf) => log.append(leaf)));
    expect(appended.map(({ index }) => index)).toEqual(appended.map((_, i) => i));
    const { checkpoint, size } = await appended[599]!.published;
    expect([size, await sizeOf(checkpoint), log.size]).toEqual([600, 600, 600]);
    expect(log.checkpoint()).toBe(checkpoint);
    await log.close();
  });

  it('has the entry on storage when append resolves, and the checkpoint when published does', async () => {
    const storage = new MemoryStorage();
    const log = await open(storage);
    const { published } = await log.append(encodeUtf8('durable'));
    const state = storage.files.get(STATE_PATH);
    expect(new TextDecoder().decode(state)).toContain('"size":1,');
    expect(storage.files.has('tile/entries/000.p/1')).toBe(true);
    const { checkpoint } = await published;
    expect(new TextDecoder().decode(storage.files.get('checkpoint'))).toBe(checkpoint);
    await log.close();
  });

  it('makes appends of one turn one batch, and those that come meanwhile the next', async () => {
    const batches: number[] = [];
    const observe = (event: TlogEvent) => {
      if (event.type === 'integrated') batches.push(event.entries);
    };
    const log = await open(new MemoryStorage(), { observe });
    const first = leaves(50).map((leaf) => log.append(leaf));
    await new Promise((done) => setImmediate(done));
    const second = leaves(70).map((leaf) => log.append(leaf));
    await Promise.all([...first, ...second]);
    await log.close();
    expect(batches).toEqual([50, 70]);
  });

  it('cuts batches by number and by bytes', async () => {
    const batches: number[] = [];
    const observe = (event: TlogEvent) => {
      if (event.type === 'integrated') batches.push(event.entries);
    };
    const limits = { batchEntries: 4, batchBytes: 30 };
    const log = await open(new MemoryStorage(), { observe, limits });
    const sizes = [1, 1, 1, 1, 1, 20, 20, 40, 1];
    await Promise.all(sizes.map((size) => log.append(new Uint8Array(size))));
    await log.close();
    expect(batches).toEqual([4, 2, 1, 1, 1]);
  });

  it('refuses more than the pool holds, and takes entries again when it has drained', async () => {
    const limits = { poolEntries: 3, poolBytes: 100 };
    const log = await open(new MemoryStorage(), { limits });
    const accepted = leaves(3).map((leaf) => log.append(leaf));
    await expect(log.append(new Uint8Array(1))).rejects.toMatchObject({ code: 'pool-full' });
    await Promise.all(accepted);
    await expect(log.append(new Uint8Array(101))).rejects.toMatchObject({ code: 'pool-full' });
    expect((await log.append(new Uint8Array(100))).index).toBe(3);
    await log.close();
  });

  it('takes the largest and the empty leaf, and refuses a larger one', async () => {
    const log = await open(new MemoryStorage());
    await log.append(new Uint8Array(65_535));
    await log.append(new Uint8Array(0));
    await expect(log.append(new Uint8Array(65_536))).rejects.toMatchObject({
      code: 'leaf-too-large',
    });
    await log.close();
  });

  it('finishes what it accepted when it closes, then refuses', async () => {
    const storage = new MemoryStorage();
    const released: string[] = [];
    const lock = {
      assertHeld: () => Promise.resolve(),
      release: () =>
        Promise.resolve(
          void released.push(storage.files.has('tile/0/000.p/9') ? 'after' : 'before'),
        ),
    };
    const log = await open(storage, { lock });
    const appended = Promise.all(leaves(9).map((leaf) => log.append(leaf)));
    await log.close();
    expect(await sizeOf((await (await appended)[8]!.published).checkpoint)).toBe(9);
    expect(released).toEqual(['after']);
    await expect(log.append(new Uint8Array(1))).rejects.toMatchObject({ code: 'log-closed' });
  });

  it.each([{ batchEntries: 0 }, { poolBytes: 1.5 }, { batchEntries: 65_537 }])(
    'refuses the limits %j',
    async (limits) => {
      const opened = open(new MemoryStorage(), { limits });
      await expect(opened).rejects.toMatchObject({ code: 'limit-invalid' });
    },
  );
});

describe('Tlog.open', () => {
  async function grown(count: number): Promise<MemoryStorage> {
    const storage = new MemoryStorage();
    const log = await open(storage);
    await Promise.all(leaves(count).map((leaf) => log.append(leaf)));
    await log.close();
    return storage;
  }

  it.each([1, 255, 256, 257, 512, 700])('continues a tree of %d', async (count) => {
    const storage = await grown(count);
    const before = await new TileReader((path) => storage.read(path)).root(count);
    const log = await open(storage);
    expect(log.size).toBe(count);
    expect((await log.append(encodeUtf8('next'))).index).toBe(count);
    await log.close();
    const reader = new TileReader((path) => storage.read(path), { latest: () => count + 1 });
    expect(await reader.root(count)).toEqual(before);
  });

  it('publishes what was committed but not published', async () => {
    const storage = await grown(5);
    const ahead = await grown(3);
    storage.files.set('checkpoint', ahead.files.get('checkpoint')!);
    const log = await open(storage);
    expect(log.size).toBe(5);
    await log.close();
  });

  const flip = (storage: MemoryStorage, path: string) => {
    const bytes = new Uint8Array(storage.files.get(path) ?? expect.unreachable(path));
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    storage.files.set(path, bytes);
  };
  const drop = (storage: MemoryStorage, path: string) => storage.files.delete(path);

  it.each([
    ['a damaged state', 'state-malformed', (s: MemoryStorage) => flip(s, 'state')],
    ['a lost state', 'state-inconsistent', (s: MemoryStorage) => drop(s, 'state')],
    ['a damaged edge tile', 'tile-malformed', (s: MemoryStorage) => flip(s, 'tile/0/001.p/44')],
    ['a damaged upper tile', 'state-inconsistent', (s: MemoryStorage) => flip(s, 'tile/1/000.p/1')],
    ['a damaged bundle', 'tile-malformed', (s: MemoryStorage) => flip(s, 'tile/entries/001.p/44')],
    ['a lost tile', 'tile-missing', (s: MemoryStorage) => drop(s, 'tile/1/000.p/1')],
    ['a lost bundle', 'tile-missing', (s: MemoryStorage) => drop(s, 'tile/entries/001.p/44')],
    [
      'a damaged checkpoint',
      'checkpoint-inconsistent',
      (s: MemoryStorage) => flip(s, 'checkpoint'),
    ],
    [
      'tiles far beyond the state',
      'state-inconsistent',
      (s: MemoryStorage) => s.files.set('tile/entries/999', new Uint8Array(1)),
    ],
  ])('refuses %s: %s', async (_name, code, damage) => {
    const storage = await grown(300);
    damage(storage);
    await expect(open(storage)).rejects.toMatchObject({ code });
  });

  it('refuses a state that is older than the checkpoint', async () => {
    const storage = await grown(300);
    const old = await grown(299);
    for (const [path, bytes] of old.files)
      if (path !== 'checkpoint') storage.files.set(path, bytes);
    await expect(open(storage)).rejects.toMatchObject({ code: 'checkpoint-inconsistent' });
  });

  it('refuses the folder of another log', async () => {
    const other = noteSigner('other.touchstone.dev/log', testSigner());
    const storage = await grown(3);
    await expect(open(storage, { signer: other })).rejects.toMatchObject({
      code: 'state-inconsistent',
    });
  });

  it('removes leftovers of a batch that was not committed', async () => {
    const storage = await grown(300);
    const left = [
      'tile/entries/001',
      'tile/entries/001.p/90',
      'tile/0/001',
      'tile/1/000.p/2',
      'tile/0/002.p/1',
    ];
    for (const path of left) storage.files.set(path, new Uint8Array(32));
    await (await open(storage)).close();
    for (const path of left) expect(storage.files.has(path), path).toBe(false);
    expect(storage.files.has('tile/entries/001.p/44')).toBe(true);
  });
});
