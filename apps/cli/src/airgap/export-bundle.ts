import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  ARCHIVE_END,
  archiveHeader,
  archivePadding,
  countLeaves,
  packBundle,
  rangesOf,
  signExport,
  type BundleContents,
  type CarriedArtifact,
  type CarryHeader,
  type LeafRange,
} from '@touchstone/airgap';
import type { TrustRoot } from '@touchstone/attest';
import {
  encodeUtf8,
  formatTlogProof,
  decodeUtf8,
  type Signer,
  type WitnessedCheckpoint,
  type WitnessPolicy,
} from '@touchstone/note';
import { TileReader } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { LogSource } from '../monitor/log-source.js';
import { nodeHashing, readFileRange } from './hashing.js';
import { LogCarrySource } from './log-carry-source.js';
import { acknowledgedBase, openLogCheckpoint } from './log-checkpoint.js';
import { bundleReadme } from './readme.js';
import { leavesByPolicy } from './select-policy.js';
import type { SiteRecord } from './site-record.js';

/** What an operator asks to be carried. */
export interface ExportRequest {
  readonly logUrl: string;
  readonly trustRoot: TrustRoot;
  readonly witnessPolicy?: WitnessPolicy;
  readonly site: SiteRecord;
  /** A checkpoint of the log in place of its newest: one that more witnesses cosigned. */
  readonly note?: Uint8Array;
  /**
   * `delta`: all since the last acknowledgement; `policy`: of these, what the trust root's policy can
   * count; `full`: all; else only these leaves.
   */
  readonly selection: 'delta' | 'policy' | 'full' | { readonly ranges: readonly LeafRange[] };
  readonly proof: 'prefix' | 'frontier';
  /** Folder of `root-<version>.json`, the signed trust roots that follow one another. */
  readonly rootChain?: string;
  readonly artifacts: readonly string[];
}

/** Everything decided, nothing written yet. */
export interface Export {
  readonly header: CarryHeader;
  readonly note: Uint8Array;
  readonly witnessed: WitnessedCheckpoint;
  readonly roots: readonly Uint8Array[];
  readonly ranges: readonly LeafRange[];
  readonly artifacts: readonly CarriedArtifact[];
  readonly source: LogCarrySource;
  readonly log: LogSource;
}

/**
 * Fetches and verifies the checkpoint, and lays out the bundle.
 *
 * @throws CliError, NoteError; AirgapError `acknowledgement-fork` when the log does not continue
 * the tree that the site acknowledged
 */
export async function planExport(request: ExportRequest): Promise<Export> {
  const { trustRoot, witnessPolicy, site, selection, proof } = request;
  const log = new LogSource(request.logUrl);
  const note = request.note ?? (await log.checkpoint());
  const witnessed = await openLogCheckpoint(note, trustRoot, witnessPolicy);
  const { origin, size } = witnessed.checkpoint;
  const acknowledged = site.acknowledgement?.checkpoint.size ?? 0;
  if (request.note !== undefined && acknowledged > size) {
    const stands = `site ${site.site} acknowledged ${acknowledged} entries`;
    throw new CliError('size-out-of-range', `${stands}, the checkpoint has ${size}`, EXIT.usage);
  }
  const base = await acknowledgedBase(log, site, witnessed);
  const begin = selection === 'full' ? 0 : base.size;
  const whole = begin < size ? [{ begin, end: size }] : [];
  const ranges =
    selection === 'policy'
      ? rangesOf(await leavesByPolicy(log, { begin, end: size }, trustRoot, origin))
      : typeof selection === 'object'
        ? selection.ranges
        : whole;
  const roots = await readRootChain(request.rootChain, site.trustRootVersion, trustRoot.version);
  const artifacts = await Promise.all(request.artifacts.map(describeArtifact));
  const header: CarryHeader = {
    site: site.site,
    origin,
    base,
    proof: base.size === 0 || ranges.some((range) => range.begin < base.size) ? 'prefix' : proof,
    size,
    rootVersion: site.trustRootVersion,
    roots: roots.length,
    entries: countLeaves(ranges),
    artifacts: artifacts.length,
  };
  const source = new LogCarrySource(log, size);
  return { header, note, witnessed, roots, ranges, artifacts, source, log };
}

async function readRootChain(
  folder: string | undefined,
  from: number,
  to: number,
): Promise<Uint8Array[]> {
  if (from >= to) return [];
  if (folder === undefined) {
    throw new CliError(
      'trust-root-chain',
      `the site has trust root ${from}, ours is ${to}: name the folder of the signed ones between with --root-chain`,
      EXIT.usage,
    );
  }
  const names = new Set(await readdir(folder));
  const versions = Array.from({ length: to - from }, (_, at) => from + 1 + at);
  return Promise.all(
    versions.map(async (version) => {
      const name = `root-${version}.json`;
      if (!names.has(name)) {
        throw new CliError('trust-root-chain', `${folder} has no ${name}`, EXIT.usage);
      }
      return new Uint8Array(await readFile(join(folder, name)));
    }),
  );
}

async function describeArtifact(path: string): Promise<CarriedArtifact> {
  const hash = createHash('sha256');
  const { size } = await stat(path);
  for await (const chunk of readFileRange(path)) hash.update(chunk);
  const sha256 = new Uint8Array(hash.digest());
  return { name: basename(path), sha256, size, read: () => readFileRange(path) };
}

export interface WriteOptions {
  readonly exporter?: Signer;
  /** Also each entry as C2SP tlog-proof, for other tools. */
  readonly tlogProofs?: boolean;
  readonly onProgress?: (entries: number) => void;
}

/** Bytes of the archive and of the bundle in it. */
export interface WrittenExport {
  readonly bytes: number;
  readonly bundleBytes: number;
}

/**
 * The bytes that an export will have, without writing it: it is made and counted.
 *
 * @param signed whether the exporter will sign
 */
export async function measureExport(planned: Export, signed: boolean): Promise<WrittenExport> {
  const signature = signed ? new Uint8Array(64) : undefined;
  let bundleBytes = 0;
  const { source } = planned;
  for await (const chunk of packBundle(
    contentsOf(planned, signature),
    source,
    nodeHashing.newHash,
  )) {
    bundleBytes += chunk.length;
  }
  const readme = encodeUtf8(bundleReadme(planned, bundleBytes)).length;
  const files = [readme, bundleBytes].map(
    (size) => archiveHeader('file', size).length + size + archivePadding(size).length,
  );
  return { bytes: files.reduce((sum, size) => sum + size, ARCHIVE_END.length), bundleBytes };
}

function contentsOf(
  { header, note, roots, ranges, artifacts }: Export,
  signature: Uint8Array | undefined,
): BundleContents {
  return { header, roots, note, ranges, artifacts, ...(signature && { signature }) };
}

/** Writes the archive: whole or not at all. The bundle's size stands before it, so it is made first. */
export async function writeExport(
  planned: Export,
  file: string,
  { exporter, tlogProofs = false, onProgress }: WriteOptions,
): Promise<WrittenExport> {
  const { header, note, source } = planned;
  const signature = exporter && (await signExport(header, note, exporter));
  const contents = contentsOf(planned, signature);
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  const [bundle, archive] = [`${temporary}.cbor`, `${temporary}.tar`];
  try {
    let entries = 0;
    const counting = {
      node: source.node.bind(source),
      entry: (index: number) => {
        onProgress?.(++entries);
        return source.entry(index);
      },
    };
    await pipeline(
      Readable.from(packBundle(contents, counting, nodeHashing.newHash)),
      createWriteStream(bundle, { flags: 'wx' }),
    );
    const { size: bundleBytes } = await stat(bundle);
    const proofs = tlogProofs ? tlogProofFiles(planned) : [];
    await pipeline(
      Readable.from(archiveOf(bundleReadme(planned, bundleBytes), bundle, bundleBytes, proofs)),
      createWriteStream(archive, { flags: 'wx' }),
    );
    await syncFile(archive);
    const { size: bytes } = await stat(archive);
    await rename(archive, file);
    return { bytes, bundleBytes };
  } finally {
    await Promise.all([bundle, archive].map((path) => rm(path, { force: true })));
  }
}

interface SmallFile {
  readonly name: string;
  readonly text: string;
}

async function* archiveOf(
  readme: string,
  bundle: string,
  bundleBytes: number,
  proofs: AsyncIterable<SmallFile> | readonly SmallFile[],
): AsyncGenerator<Uint8Array> {
  yield* smallFile({ name: 'README.txt', text: readme });
  yield archiveHeader('carry.cbor', bundleBytes);
  yield* readFileRange(bundle);
  yield archivePadding(bundleBytes);
  for await (const proof of proofs) yield* smallFile(proof);
  yield ARCHIVE_END;
}

function* smallFile({ name, text }: SmallFile): Generator<Uint8Array> {
  const bytes = encodeUtf8(text);
  yield archiveHeader(name, bytes.length);
  yield bytes;
  yield archivePadding(bytes.length);
}

/** Names have as many digits as the largest index, so that they sort as the log does. */
async function* tlogProofFiles({ header, note, ranges, log }: Export): AsyncGenerator<SmallFile> {
  const reader = new TileReader((path) => log.tile(path));
  const digits = String(header.size).length;
  for (const { begin, end } of ranges) {
    for (let index = begin; index < end; index++) {
      const hashes = await reader.inclusionProof(index, header.size);
      const name = `proofs/${String(index).padStart(digits, '0')}.tlog-proof`;
      yield { name, text: formatTlogProof({ index, hashes, checkpoint: decodeUtf8(note) }) };
    }
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
