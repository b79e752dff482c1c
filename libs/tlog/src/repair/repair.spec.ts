import { MemoryStorage, testSigner } from '@touchstone/kit';
import { encodeUtf8, formatVerifierKey, nobleVerifier, noteSigner } from '@touchstone/note';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tlog } from '../tlog.js';
import { repair } from './repair.js';
import type { RepairReport } from './repair.js';

const signer = noteSigner('repair.touchstone.dev/log', testSigner());
/** Full bundles, a partial one, and partial ones of earlier checkpoints. */
const BATCHES = [3, 200, 60, 10];
const SIZE = 273;
let healthy: MemoryStorage;

async function append(storage: MemoryStorage, batches: readonly number[]): Promise<void> {
  const log = await Tlog.open({ storage, signer });
  for (const [batch, count] of batches.entries()) {
    const leaves = Array.from({ length: count }, (_, i) => encodeUtf8(`entry ${batch}/${i}`));
    const appended = await Promise.all(leaves.map((leaf) => log.append(leaf)));
    await appended[0]?.published;
  }
  await log.close();
}

beforeAll(async () => {
  healthy = new MemoryStorage();
  await append(healthy, BATCHES);
});

function mend(storage: MemoryStorage, key = true): Promise<RepairReport> {
  const vkeys = [formatVerifierKey(signer.verifierKey)];
  return repair(storage, { vkeys, verify: nobleVerifier, ...(key && { signers: [signer] }) });
}

function damaged(...paths: string[]): MemoryStorage {
  const storage = healthy.copy();
  for (const path of paths) {
    const bytes = new Uint8Array(storage.files.get(path) ?? expect.unreachable(path));
    const at = bytes.length - 2;
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
    storage.files.set(path, bytes);
  }
  return storage;
}

const wide = ['tile/entries/000', 'tile/entries/001.p/17'];

/** Byte for byte what it was, but for the state, whose number counts on. */
function expectHealthy(storage: MemoryStorage): void {
  for (const [path, bytes] of healthy.files) {
    if (path !== 'state') expect(storage.files.get(path), path).toEqual(bytes);
  }
  expect(storage.files.size).toBe(healthy.files.size);
}

describe('repair', () => {
  it('leaves a healthy log alone', async () => {
    const storage = healthy.copy();
    expect(await mend(storage)).toMatchObject({
      repaired: [],
      unrepaired: [],
      after: { ok: true },
    });
    expect(storage.files).toEqual(healthy.files);
  });

  it('makes every single file anew that is derived, whether damaged or missing', async () => {
    for (const path of healthy.files.keys()) {
      if (wide.includes(path)) continue;
      for (const storage of [damaged(path), healthy.copy()]) {
        if (Buffer.compare(storage.files.get(path)!, healthy.files.get(path)!) === 0) {
          storage.files.delete(path);
        }
        const missing = !storage.files.has(path);
        const { repaired, unrepaired, after } = await mend(storage);
        expect({ path, unrepaired, ok: after.ok }).toEqual({ path, unrepaired: [], ok: true });
        // A narrow tile of an earlier checkpoint is not missed by anyone.
        if (missing && repaired.length === 0) continue;
        expect(repaired.map((one) => one.path)).toEqual([path]);
        expectHealthy(storage);
        const log = await Tlog.open({ storage, signer });
        expect(log.size).toBe(SIZE);
        await log.close();
      }
    }
  });

  it('makes all of them anew at once', async () => {
    const derived = [...healthy.files.keys()].filter((path) => !wide.includes(path));
    const tiles = derived.filter((path) => path.startsWith('tile/'));
    const storage = damaged(...tiles, 'state');
    const { repaired, unrepaired } = await mend(storage);
    expect(unrepaired).toEqual([]);
    expect(repaired.map(({ path }) => path).sort()).toEqual([...tiles, 'state'].sort());
    expectHealthy(storage);
  });

  it.each(wide)('names entries that are lost, and leaves the rest provable: %s', async (path) => {
    const storage = damaged(path);
    const { repaired, unrepaired, after } = await mend(storage);
    expect(repaired).toEqual([]);
    expect(unrepaired.map((lost) => lost.path)).toEqual([path]);
    expect(unrepaired[0]?.why).toMatch(/^entries \d+ to \d+ are in/);
    expect(after.problems.map((problem) => problem.path)).toEqual([path]);
  });

  it('makes narrow hashes from wide ones where the entries are lost', async () => {
    const storage = damaged('tile/entries/000', 'tile/0/000.p/203');
    const { repaired, unrepaired } = await mend(storage);
    expect(repaired).toEqual([{ path: 'tile/0/000.p/203', from: 'tile/0/000' }]);
    expect(unrepaired.map(({ path }) => path)).toEqual(['tile/entries/000']);
  });

  it('touches nothing when the entries are not those that were signed', async () => {
    const storage = damaged('tile/entries/001.p/17', 'tile/0/001.p/17');
    const before = new Map(storage.files);
    const { repaired, unrepaired, after } = await mend(storage);
    expect(repaired).toEqual([]);
    expect(unrepaired.length).toBeGreaterThan(0);
    expect(after.ok).toBe(false);
    expect(storage.files).toEqual(before);
  });

  it('does not sign without a key, nor a state without a checkpoint to hold it against', async () => {
    const unsigned = damaged('checkpoint');
    expect((await mend(unsigned, false)).unrepaired).toEqual([
      { path: 'checkpoint', why: 'it takes the key of the log to sign it anew' },
    ]);
    const lost = damaged('checkpoint', 'state');
    const { repaired, unrepaired } = await mend(lost);
    expect(repaired).toEqual([]);
    expect(unrepaired.map(({ path }) => path).sort()).toEqual(['checkpoint', 'state']);
  });

  it('takes leaves along that were durable and not published', async () => {
    const storage = healthy.copy();
    const note = storage.files.get('checkpoint')!;
    await append(storage, [5]);
    storage.files.set('checkpoint', note);
    storage.files.delete('state');
    const { repaired, after } = await mend(storage);
    expect(repaired.map(({ path }) => path)).toEqual(['state']);
    expect(after).toMatchObject({ ok: true, size: SIZE + 5, checkpoint: { size: SIZE } });
  });

  it('brings a state that is older than the checkpoint up to it', async () => {
    const storage = healthy.copy();
    const old = new MemoryStorage();
    await (await Tlog.open({ storage: old, signer })).close();
    storage.files.set('state', old.files.get('state')!);
    const { after } = await mend(storage);
    expect(after).toMatchObject({ ok: true, size: SIZE });
  });
});
