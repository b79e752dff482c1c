import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  countLeaves,
  packBundle,
  rangesOf,
  type BundleContents,
  type LeafRange,
} from '@touchstone/airgap';
import type { TrustRoot } from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { HASH_SIZE } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  formatVerifierKey,
  noteSigner,
  signNote,
  toBase64,
  verifierKey,
} from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import { newHash, type Verification } from './airgap-verifier.js';
import { slipSizes } from './airgap-slip.js';
import { printLine, round, type Bench } from './bench.js';
import { makeStatements, rebuilder, SyntheticLog } from './synthetic-log.js';

const ORIGIN = 'bench.example.org';
const SIZES = [1_000, 10_000, 100_000];
const LARGE = 1_000_000;
const CHOSEN = 1_000;
const EXPORT_LIMIT = 20_000;
const VERIFY_LIMIT = 5_000;
const MEMORY_LIMIT = 64 * 1024 * 1024;
/** Of the process that verifies: old and young generation. */
const HEAP_MB = 32;
const YOUNG_MB = 2;
const SIZE_LIMIT = 1.05;
const logKey = generateKey('ed25519');

/** A million entries: memory must be what it is at a thousand. Takes 2 GB of disk for a while. */
export const airgapLarge: Bench = {
  name: 'airgap-large',
  about: 'the same with 1,000,000 entries, some five minutes',
  run: () =>
    inFolder(async (dir) => {
      const statements = await makeStatements();
      for (const size of [1_000, LARGE]) await rates(new SyntheticLog(size, statements), dir);
    }),
};

/** Carry bundles: what they cost to pack and to verify, and how large they are. */
export const airgap: Bench = {
  name: 'airgap',
  about: 'export and verify carry bundles of 1,000 to 100,000 entries; sizes against their bounds',
  run: () =>
    inFolder(async (dir) => {
      const statements = await makeStatements();
      for (const size of SIZES) await rates(new SyntheticLog(size, statements), dir);
      await sizes(new SyntheticLog(100_000, statements), dir);
      await slipSizes();
    }),
};

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-airgap-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const trustRoot = (): TrustRoot => ({
  schema: 'https://touchstone.dev/trust-root/v1',
  version: 1,
  logs: [{ origin: ORIGIN, vkey: formatVerifierKey(verifierKey(ORIGIN, logKey.publicKey)) }],
  rebuilders: [
    {
      id: 'bench',
      organisation: 'Bench',
      keys: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(rebuilder.publicKey.spki) }],
    },
  ],
  policy: { quorum: 1 },
});

async function contentsOf(
  log: SyntheticLog,
  ranges: readonly LeafRange[],
): Promise<BundleContents> {
  const { size } = log;
  const text = formatCheckpoint({ origin: ORIGIN, size, root: log.range.root(), extensions: [] });
  const note = encodeUtf8(await signNote(text, [noteSigner(ORIGIN, logKey)]));
  const header = {
    ...{ site: 'bench', origin: ORIGIN, base: { size: 0, root: nodeHasher.empty() } },
    ...{ size, rootVersion: 1, roots: 0, artifacts: 0 },
    proof: 'prefix' as const,
    entries: countLeaves(ranges),
  } as const;
  return { header, roots: [], note, ranges, artifacts: [] };
}

async function rates(log: SyntheticLog, dir: string): Promise<void> {
  const file = join(dir, `${log.size}.cbor`);
  const contents = await contentsOf(log, [{ begin: 0, end: log.size }]);
  const packed = performance.now();
  await pipeline(Readable.from(packBundle(contents, log, newHash)), createWriteStream(file));
  const exported = (log.size * 1000) / (performance.now() - packed);
  const { before, peak, cpu, wall } = await verifyApart(file, dir);
  const verified = (log.size * 1000) / wall;
  printLine({
    ...{ bench: 'airgap', case: 'rates', entries: log.size, bytes: (await stat(file)).size },
    exportPerSecond: round(exported),
    exportRatio: round(exported / EXPORT_LIMIT),
    verifyPerSecond: round(verified),
    verifyRatio: round(verified / VERIFY_LIMIT),
    verifyPerCpuSecond: round((log.size * 1e6) / cpu),
    cpuMsPerEntry: round(cpu / 1000 / log.size),
    heapLimit: HEAP_MB * 1024 * 1024,
    memory: peak,
    memoryGrowth: peak - before,
    memoryWithinLimit: peak - before <= MEMORY_LIMIT,
  });
  await rm(file);
}

/**
 * In a process of its own: this one holds the whole log that the bundle was made from. V8 lets garbage lie
 * as long as it may grow, so it is given what a small device would: more is live, and it dies.
 */
async function verifyApart(file: string, dir: string): Promise<Verification> {
  const root = join(dir, 'trust-root.json');
  await writeFile(root, JSON.stringify(trustRoot()));
  const program = fileURLToPath(new URL('airgap-verifier.js', import.meta.url));
  const options = [`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${YOUNG_MB}`];
  const args = [...options, program, file, root];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Verification;
}

/** K entries of N, spread as badly as chance does it: content and K(log2 N - log2 K) hashes. */
async function sizes(log: SyntheticLog, dir: string): Promise<void> {
  const file = join(dir, 'chosen.cbor');
  const chosen = new Set<number>();
  for (let at = 0; chosen.size < CHOSEN; at++) {
    const digest = createHash('sha256').update(`${at}`).digest();
    chosen.add(digest.readUInt32BE() % log.size);
  }
  const contents = await contentsOf(log, rangesOf(chosen));
  await pipeline(Readable.from(packBundle(contents, log, newHash)), createWriteStream(file));
  const { size: bytes } = await stat(file);
  let content = 0;
  for (const index of chosen) {
    const { leaf, attestation } = await log.entry(index);
    content += leaf.length + attestation.length;
  }
  const hashes = CHOSEN * (Math.log2(log.size) - Math.log2(CHOSEN));
  const bound = content + hashes * HASH_SIZE;
  printLine({
    ...{ bench: 'airgap', case: 'size', entries: CHOSEN, of: log.size, bytes },
    bytesPerEntry: round(bytes / CHOSEN),
    ratioToBound: round(bytes / bound),
    withinLimit: bytes / bound <= SIZE_LIMIT,
  });
}
