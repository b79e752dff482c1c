import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  countLeaves,
  packBundle,
  rangesOf,
  verifyBundle,
  type BundleContents,
  type CarrySource,
  type LeafRange,
} from '@touchstone/airgap';
import {
  envelopeLogEntry,
  envelopeRequest,
  rebuildStatement,
  signEnvelope,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { CompactRange, HASH_SIZE, type NodeId } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  formatVerifierKey,
  noteSigner,
  signNote,
  toBase64,
  verifierKey,
} from '@touchstone/note';
import { nodeHasher, nodeSha256 } from '@touchstone/tlog';
import { printLine, round, type Bench } from './bench.js';

const ORIGIN = 'bench.example.org';
const SIZES = [1_000, 10_000, 100_000];
const CHOSEN = 1_000;
const EXPORT_LIMIT = 20_000;
const VERIFY_LIMIT = 5_000;
const MEMORY_LIMIT = 64 * 1024 * 1024;
const SIZE_LIMIT = 1.05;
/** Statements that the log holds over and over: signing a hundred thousand would be the bench. */
const STATEMENTS = 64;

const logKey = generateKey('ed25519');
const rebuilder = generateKey('ecdsa-p256-sha256');

const newHash = () => {
  const hash = createHash('sha256');
  return {
    update: (bytes: Uint8Array): void => void hash.update(bytes),
    digest: (): Uint8Array => new Uint8Array(hash.digest()),
  };
};

/** Carry bundles: what they cost to pack and to verify, and how large they are. */
export const airgap: Bench = {
  name: 'airgap',
  about: 'export and verify carry bundles of 1,000 to 100,000 entries; size against the bound',
  async run() {
    const dir = await mkdtemp(join(tmpdir(), 'bench-airgap-'));
    try {
      const statements = await makeStatements();
      for (const size of SIZES) await rates(new SyntheticLog(size, statements), dir);
      await sizes(new SyntheticLog(100_000, statements), dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

interface Entry {
  readonly leaf: Uint8Array;
  readonly attestation: Uint8Array;
}

class SyntheticLog implements CarrySource {
  /** Hashes of each level end to end. */
  readonly #levels: Buffer[] = [];
  readonly range = new CompactRange(nodeHasher);

  constructor(
    readonly size: number,
    readonly entries: readonly Entry[],
  ) {
    const hashes = entries.map(({ leaf }) => nodeHasher.leaf(leaf));
    for (let index = 0; index < size; index++) {
      const hash = hashes[index % hashes.length] as Uint8Array;
      this.range.append(hash, (level, at, node) => {
        this.#levels[level] ??= Buffer.alloc((size >> level) * HASH_SIZE);
        this.#levels[level].set(node, at * HASH_SIZE);
      });
    }
  }

  entry(index: number): Promise<Entry> {
    return Promise.resolve(this.entries[index % this.entries.length] as Entry);
  }

  node({ level, index }: NodeId): Promise<Uint8Array> {
    const hashes = this.#levels[level] as Buffer;
    return Promise.resolve(hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE));
  }
}

async function makeStatements(): Promise<Entry[]> {
  const made: Entry[] = [];
  for (let at = 0; at < STATEMENTS; at++) {
    const digest = { sha256: createHash('sha256').update(`${at}`).digest('hex') };
    const file = { digest, size: 10_000 + at };
    const statement = rebuildStatement({
      outcome: 'reproduced',
      artifact: { uri: `pkg:npm/package-${at}@1.0.0`, digest: { sha512: digest.sha256.repeat(2) } },
      recipe: { digest },
      modules: [
        { name: 'main', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
      ],
      environment: { sandbox: 'bench', architecture: 'x86_64', network: 'none', variables: {} },
      startedOn: '2026-11-01T00:00:00Z',
      finishedOn: '2026-11-01T00:00:01Z',
    });
    const envelope = await signEnvelope(statement, rebuilder);
    made.push({
      leaf: envelopeLogEntry(envelope, rebuilder.publicKey),
      attestation: envelopeRequest(envelope, rebuilder.publicKey).attestation?.bytes as Uint8Array,
    });
  }
  return made;
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
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const peak = await verifyFile(file);
  const used = process.cpuUsage(cpu);
  const verified = (log.size * 1000) / (performance.now() - began);
  printLine({
    ...{ bench: 'airgap', case: 'rates', entries: log.size, bytes: (await stat(file)).size },
    exportPerSecond: round(exported),
    exportRatio: round(exported / EXPORT_LIMIT),
    verifyPerSecond: round(verified),
    verifyRatio: round(verified / VERIFY_LIMIT),
    cpuMsPerEntry: round((used.user + used.system) / 1000 / log.size),
    memoryGrowth: peak - before,
    memoryWithinLimit: peak - before <= MEMORY_LIMIT,
  });
  await rm(file);
}

/** The most memory that the process was seen to hold. */
async function verifyFile(file: string): Promise<number> {
  const base = { size: 0, root: nodeHasher.empty(), frontier: [] };
  const site = { site: 'bench', origin: ORIGIN, trustRoot: trustRoot(), base };
  const options = { verify: nodeVerifier, sha256: nodeSha256, newHash };
  let peak = 0;
  let seen = 0;
  const verifying = verifyBundle(createReadStream(file), site, options);
  while ((await verifying.next()).done !== true) {
    if (++seen % 500 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  return peak;
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
