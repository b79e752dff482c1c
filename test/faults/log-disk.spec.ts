import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeVerifier } from '@touchstone/keys';
import { testSigner } from '@touchstone/kit';
import { formatVerifierKey, noteSigner } from '@touchstone/note';
import { PosixStorage, TileReader, Tlog, fsck, lockFolder } from '@touchstone/tlog';
import { afterAll, describe, expect, it } from 'vitest';

const MOUNT_BYTES = 4 * 1024 * 1024;
const signer = noteSigner('disk.touchstone.dev/log', testSigner());
const vkeys = [formatVerifierKey(signer.verifierKey)];

/** A small file system of its own; undefined where this user may not mount. */
function mountSmall(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'log-disk-'));
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${MOUNT_BYTES}`, 'touchstone', dir];
    execFileSync('mount', options, { stdio: 'ignore' });
    return dir;
  } catch {
    rmSync(dir, { recursive: true });
    return undefined;
  }
}

const mounted = mountSmall();

afterAll(() => {
  if (!mounted) return;
  execFileSync('umount', ['--lazy', mounted]);
  rmSync(mounted, { recursive: true });
});

const skipped = mounted ? '' : ' (skipped: mounting a tmpfs is not permitted here)';

describe.skipIf(!mounted)(`on a real file system${skipped}`, () => {
  const dir = join(mounted ?? '', 'log');

  async function open(): Promise<Tlog> {
    const lock = await lockFolder(dir);
    return Tlog.open({ storage: new PosixStorage(dir), signer, lock, verify: nodeVerifier });
  }

  /** Indices of the leaves that were acknowledged, by their first byte. */
  async function append(log: Tlog, first: number, leaves: number): Promise<Map<number, number>> {
    const acknowledged = new Map<number, number>();
    for (let i = 0; i < leaves; i++) {
      const leaf = new Uint8Array(10_000).fill(first + i);
      await log.append(leaf).then(
        ({ index }) => acknowledged.set(first + i, index),
        (error: unknown) => expect(error).toMatchObject({ code: 'batch-failed' }),
      );
    }
    return acknowledged;
  }

  it('a full disk refuses entries, keeps those it took, and works again with space', async () => {
    const log = await open();
    const ballast = join(mounted!, 'ballast');
    const before = await append(log, 0, 10);
    expect(before.size).toBe(10);
    await writeFile(ballast, new Uint8Array(MOUNT_BYTES)).catch((error: unknown) =>
      expect(error).toMatchObject({ code: 'ENOSPC' }),
    );
    expect((await append(log, 10, 10)).size).toBe(0);
    await unlink(ballast);
    const after = await append(log, 20, 10);
    expect(after.size).toBe(10);
    await log.close();

    const storage = new PosixStorage(dir);
    const report = await fsck(storage, { vkeys, verify: nodeVerifier });
    expect(report).toMatchObject({ ok: true, size: 20, checkpoint: { size: 20 } });
    const reader = new TileReader((path) => storage.read(path));
    for (const [byte, index] of [...before, ...after]) {
      expect((await reader.entry(index, 20))[0]).toBe(byte);
    }
  });

  it('a disk that becomes read-only refuses entries and keeps the log readable', async () => {
    const log = await open();
    const remount = (mode: string): void => {
      execFileSync('mount', ['-o', `remount,${mode}`, mounted!]);
    };
    remount('ro');
    try {
      expect((await append(log, 30, 3)).size).toBe(0);
      const note = await readFile(join(dir, 'checkpoint'), 'utf8');
      expect(note).toBe(log.checkpoint());
    } finally {
      remount('rw');
    }
    expect((await append(log, 40, 1)).size).toBe(1);
    await log.close();
    const report = await fsck(new PosixStorage(dir), { vkeys, verify: nodeVerifier });
    expect(report).toMatchObject({ ok: true, size: 21 });
  });
});
