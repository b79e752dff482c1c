import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { decodeEntryBundle, entriesPath, TILE_WIDTH, tileWidth } from '@touchstone/merkle';
import { encodeUtf8, formatVerifierKey, noteSigner } from '@touchstone/note';
import { PosixStorage, Tlog, fsck, lockFolder } from '@touchstone/tlog';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FILE_OPERATIONS, FailingFs } from './failing-fs.js';
import type { FileOperation } from './failing-fs.js';

const signer = noteSigner('files.touchstone.dev/log', generateKey('ed25519'));
const vkeys = [formatVerifierKey(signer.verifierKey)];
let failing: FailingFs;
let dir: string;

beforeAll(async () => {
  failing = await FailingFs.install();
});

afterAll(() => failing.uninstall());

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'log-files-'));
});

afterEach(() => {
  failing.arm();
  rmSync(dir, { recursive: true });
});

async function open(): Promise<Tlog> {
  const lock = await lockFolder(dir);
  try {
    const storage = new PosixStorage(dir);
    return await Tlog.open({ storage, signer, lock, verify: nodeVerifier });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Index of each leaf that was acknowledged; the codes of the others. */
interface Told {
  readonly indices: Map<string, number>;
  readonly refused: string[];
}

async function append(log: Tlog, told: Told, prefix: string, count: number): Promise<void> {
  const leaves = Array.from({ length: count }, (_, i) => `${prefix} ${i}`);
  await Promise.all(
    leaves.map(async (leaf) => {
      try {
        const { index, published } = await log.append(encodeUtf8(leaf));
        told.indices.set(leaf, index);
        await published.catch(() => undefined);
      } catch (error) {
        told.refused.push((error as { code: string }).code);
      }
    }),
  );
}

/** Everything acknowledged is where it was said to be, and every file is right. */
async function check({ indices }: Told): Promise<string[]> {
  const storage = new PosixStorage(dir);
  const { problems, size, checkpoint } = await fsck(storage, { vkeys, verify: nodeVerifier });
  expect(problems).toEqual([]);
  expect(checkpoint?.size).toBe(size);
  const leaves: string[] = [];
  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle++) {
    const width = tileWidth(0, bundle, size);
    const bytes = await storage.read(entriesPath(bundle, width));
    const entries = decodeEntryBundle(bytes ?? new Uint8Array(), width);
    leaves.push(...entries.map((entry) => new TextDecoder().decode(entry)));
  }
  for (const [leaf, index] of indices) expect(leaves[index]).toBe(leaf);
  expect(new Set(leaves).size).toBe(leaves.length);
  return leaves;
}

/** How often a batch of these sizes makes each call, so that the last one is failed too. */
let made: ReadonlyMap<FileOperation, number>;

describe('a call of the file system that fails once', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'log-files-'));
    const log = await open();
    const told: Told = { indices: new Map(), refused: [] };
    await append(log, told, 'early', 250);
    failing.arm();
    await append(log, told, 'counted', 300);
    made = new Map(FILE_OPERATIONS.map((name) => [name, failing.calls(name)]));
    await log.close();
    rmSync(dir, { recursive: true });
  });

  const rows = FILE_OPERATIONS.flatMap((operation) =>
    (['before', 'after'] as const).map((when) => ({ operation, when })),
  );

  it.each(rows)('$operation, $when it, during a batch', async ({ operation, when }) => {
    const count = made.get(operation) ?? 0;
    // Only what a failed batch left is looked for and removed; the next test is about that.
    expect(count === 0).toBe(operation === 'readdir' || operation === 'unlink');
    const points = new Set([1, count - 1, count].filter((nth) => nth > 0 && nth <= count));
    const codes = ['EIO', 'ENOSPC', 'EROFS'] as const;
    for (const nth of points) {
      const told: Told = { indices: new Map(), refused: [] };
      const log = await open();
      await append(log, told, 'early', 250);
      failing.arm({ operation, nth, when, code: codes[nth % 3] ?? 'EIO' });
      await append(log, told, 'faulty', 300);
      expect(failing.fired).toBe(1);
      failing.arm();
      await append(log, told, 'late', 5);
      await log.close();

      const leaves = await check(told);
      const faulty = leaves.filter((leaf) => leaf.startsWith('faulty')).length;
      expect([0, 300]).toContain(faulty);
      expect(leaves).toHaveLength(255 + faulty);
      expect([0, 300]).toContain(told.refused.length);
      expect(new Set(told.refused).size).toBeLessThanOrEqual(1);
      expect(told.refused[0] ?? 'batch-failed').toBe('batch-failed');

      const next = await open();
      await append(next, told, 'next', 1);
      await next.close();
      expect(await check(told)).toHaveLength(256 + faulty);
      rmSync(dir, { recursive: true });
      dir = mkdtempSync(join(tmpdir(), 'log-files-'));
    }
  });

  it.each(rows)('$operation, $when it, after a batch failed', async ({ operation, when }) => {
    const told: Told = { indices: new Map(), refused: [] };
    const log = await open();
    await append(log, told, 'early', 250);
    const rename = { operation: 'rename', nth: 5, when: 'after', code: 'EIO' } as const;
    failing.arm(rename, { operation, nth: (made.get(operation) ?? 0) + 1, when, code: 'EIO' });
    await append(log, told, 'faulty', 300);
    expect(told.refused).toHaveLength(300);
    await append(log, told, 'again', 300);
    failing.arm();
    await append(log, told, 'late', 5);
    await log.close();
    const leaves = await check(told);
    expect(leaves.filter((leaf) => leaf.startsWith('faulty'))).toEqual([]);
    expect(leaves.length % 50).toBe(5);
  });

  it.each(FILE_OPERATIONS)('%s while the log is opened', async (operation) => {
    const told: Told = { indices: new Map(), refused: [] };
    const first = await open();
    await append(first, told, 'early', 300);
    await first.close();
    for (let nth = 1; ; nth++) {
      failing.arm({ operation, nth, when: 'before', code: 'EIO' });
      const log = await open().catch((error: unknown) => {
        expect(error).toBeInstanceOf(Error);
        return undefined;
      });
      const { fired } = failing;
      failing.arm();
      await log?.close();
      expect(await check(told)).toHaveLength(300);
      if (fired === 0) break;
    }
    const again = await open();
    await append(again, told, 'late', 3);
    await again.close();
    expect(await check(told)).toHaveLength(303);
  });
});

it('a clock that jumps back changes durations and nothing else', async () => {
  const told: Told = { indices: new Map(), refused: [] };
  let now = 1_000_000;
  const events: string[] = [];
  const log = await Tlog.open({
    storage: new PosixStorage(dir),
    signer,
    clock: () => (now -= 60_000),
    observe: ({ type }) => events.push(type),
  });
  for (let i = 0; i < 5; i++) await append(log, told, `batch ${i}`, 20);
  await log.close();
  expect(told.refused).toEqual([]);
  expect(events).not.toContain('failed');
  expect(await check(told)).toHaveLength(100);
});
