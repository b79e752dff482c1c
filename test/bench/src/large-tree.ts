import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { noteSigner } from '@touchstone/note';
import { PosixStorage, Tlog, lockFolder } from '@touchstone/tlog';

export const ORIGIN = 'bench.touchstone.dev';
/** Entries of the large tree; fewer for a machine that has not the time. */
export const LARGE = Number(process.env['TOUCHSTONE_BENCH_LARGE'] ?? 10_000_000);

const LEAF_BYTES = 16;
const BATCH = 65_536;
/** Entries that are appended at most before the next are made: two batches. */
const AT_ONCE = 2 * BATCH;

/** What the appends between two sizes of the tree cost. */
export interface GrowthStep {
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/**
 * Grows a log in a folder by appends of the engine that ships, in its largest batches, and tells
 * what it cost at each of the sizes. 16 bytes an entry: 10 million are half a gigabyte on disk.
 */
export async function growTree(
  dir: string,
  sizes: readonly number[],
  told: (step: GrowthStep) => void,
): Promise<{ key: PrivateKey; checkpoint: string }> {
  const key = generateKey('ed25519');
  const limits = { batchEntries: BATCH, poolEntries: AT_ONCE, poolBytes: AT_ONCE * LEAF_BYTES };
  const tlog = await Tlog.open({
    lock: await lockFolder(dir),
    storage: new PosixStorage(dir),
    signer: noteSigner(ORIGIN, key),
    verify: nodeVerifier,
    limits,
  });
  let size = 0;
  for (const to of sizes) {
    const from = size;
    const began = performance.now();
    const cpu = process.cpuUsage();
    while (size < to) {
      const count = Math.min(AT_ONCE, to - size);
      const first = size;
      await Promise.all(Array.from({ length: count }, (_, i) => tlog.append(leafOf(first + i))));
      size += count;
    }
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - began) / 1000;
    told({ from, to, seconds, cpuSeconds: (user + system) / 1e6 });
  }
  await tlog.close();
  return { key, checkpoint: tlog.checkpoint() };
}

function leafOf(index: number): Uint8Array {
  const leaf = new Uint8Array(LEAF_BYTES);
  new DataView(leaf.buffer).setFloat64(0, index);
  return leaf;
}
