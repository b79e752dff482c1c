import { MemoryStorage, testSigner } from '@touchstone/kit';
import { encodeUtf8, formatVerifierKey, nobleVerifier, noteSigner } from '@touchstone/note';
import { beforeAll, describe, expect, it } from 'vitest';
import { fsck } from './fsck.js';
import type { FsckReport } from './fsck.js';
import { Tlog } from './tlog.js';

const signer = noteSigner('fsck.touchstone.dev/log', testSigner());

/** A full bundle, a partial one, and partial ones of earlier checkpoints. */
const BATCHES = [3, 200, 60, 400, 7];
let healthy: MemoryStorage;

beforeAll(async () => {
  healthy = new MemoryStorage();
  const log = await Tlog.open({ storage: healthy, signer });
  for (const [batch, count] of BATCHES.entries()) {
    const leaves = Array.from({ length: count }, (_, i) => encodeUtf8(`entry ${batch}/${i}`));
    const appended = await Promise.all(leaves.map((leaf) => log.append(leaf)));
    await appended[0]?.published;
  }
  await log.close();
});

function check(storage: MemoryStorage): Promise<FsckReport> {
  return fsck(storage, {
    vkeys: [formatVerifierKey(signer.verifierKey)],
    verify: nobleVerifier,
  });
}

/** Flips a bit in the first and in the last third of a file: both must be found. */
function damage(path: string, at: number): MemoryStorage {
  const storage = healthy.copy();
  const bytes = new Uint8Array(storage.files.get(path) ?? expect.unreachable(path));
  const offset = Math.floor(bytes.length * at);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x40;
  storage.files.set(path, bytes);
  return storage;
}

describe('fsck', () => {
  it('finds nothing wrong with a healthy log', async () => {
    const report = await check(healthy);
    expect(report).toMatchObject({ ok: true, size: 670, problems: [], truncated: false });
    expect(report.checkpoint?.size).toBe(670);
  });

  it('finds a flipped bit in every single file and names that file only', async () => {
    for (const path of healthy.files.keys()) {
      for (const at of [0.2, 0.8]) {
        const { problems } = await check(damage(path, at));
        expect([...new Set(problems.map((problem) => problem.path))], path).toEqual([path]);
      }
    }
  });

  it('finds every missing file that the size implies', async () => {
    const implied = ['state', 'checkpoint', 'tile/entries/002.p/158', 'tile/0/002.p/158'];
    implied.push(
      'tile/entries/000',
      'tile/entries/001',
      'tile/0/000',
      'tile/0/001',
      'tile/1/000.p/2',
    );
    for (const path of implied) {
      const storage = healthy.copy();
      storage.files.delete(path);
      const { problems } = await check(storage);
      expect(problems, path).toEqual([expect.objectContaining({ path, code: 'missing' })]);
    }
  });

  it('stops where neither entries nor hashes are left', async () => {
    const storage = healthy.copy();
    storage.files.delete('tile/entries/001');
    storage.files.delete('tile/0/001');
    expect((await check(storage)).ok).toBe(false);
  });

  it('accepts a checkpoint that lags behind the state', async () => {
    const storage = healthy.copy();
    const log = await Tlog.open({ storage, signer });
    const note = storage.files.get('checkpoint')!;
    await (
      await log.append(encodeUtf8('one more'))
    ).published;
    await log.close();
    storage.files.set('checkpoint', note);
    const report = await check(storage);
    expect(report).toMatchObject({ ok: true, size: 671, checkpoint: { size: 670 } });
    storage.files.delete('tile/0/002.p/158');
    const { problems } = await check(storage);
    expect(problems.map(({ path }) => path)).toEqual(['tile/0/002.p/158']);
  });

  it('tells a state that is older than the checkpoint', async () => {
    const storage = healthy.copy();
    const old = new MemoryStorage();
    await (await Tlog.open({ storage: old, signer })).close();
    storage.files.set('state', old.files.get('state')!);
    const codes = (await check(storage)).problems.map(({ path, code }) => `${path} ${code}`);
    expect(codes).toContain('state size-mismatch');
  });

  it('bounds what it reports', async () => {
    const vkeys = [formatVerifierKey(signer.verifierKey)];
    const options = { vkeys, verify: nobleVerifier, maxProblems: 1 };
    const report = await fsck(new MemoryStorage(), options);
    expect(report).toMatchObject({ ok: false, truncated: true });
    expect(report.problems).toHaveLength(1);
  });
});
