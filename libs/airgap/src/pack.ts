import type { NodeId } from '@touchstone/merkle';
import { AirgapError } from './errors.js';
import { nobleHash, type NewHash } from './record-reader.js';
import { CHUNK_BYTES, encodeRecord, type CarryHeader, type CarryRecord } from './record.js';
import { gapNodes } from './tree-walk.js';

/** Leaves [begin, end) of the log. */
export interface LeafRange {
  readonly begin: number;
  readonly end: number;
}

/** Where an exporter reads the log: its tiles, and the attestations beside them. */
export interface CarrySource {
  entry(index: number): Promise<{ readonly leaf: Uint8Array; readonly attestation?: Uint8Array }>;
  /** Hash of a perfect subtree of the checkpoint's tree. */
  node(id: NodeId): Promise<Uint8Array>;
}

/** A file that travels along. */
export interface CarriedArtifact {
  readonly name: string;
  readonly sha256: Uint8Array;
  /** Bytes. */
  readonly size: number;
  read(): AsyncIterable<Uint8Array>;
}

/** All that a bundle is made of; the same contents give the same bytes. */
export interface BundleContents {
  readonly header: CarryHeader;
  /** Envelopes of the trust roots after the header's, one by one, as JSON. */
  readonly roots: readonly Uint8Array[];
  readonly note: Uint8Array;
  readonly signature?: Uint8Array;
  /** Ascending and apart, within the checkpoint's tree. */
  readonly ranges: readonly LeafRange[];
  readonly artifacts: readonly CarriedArtifact[];
}

/** How many leaves the ranges have. */
export function countLeaves(ranges: readonly LeafRange[]): number {
  return ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

/**
 * The ranges of single leaves, joined where they touch.
 *
 * @param indices in any order, repeated or not
 */
export function rangesOf(indices: Iterable<number>): LeafRange[] {
  const ranges: { begin: number; end: number }[] = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last === undefined || index > last.end) ranges.push({ begin: index, end: index + 1 });
    else last.end = Math.max(last.end, index + 1);
  }
  return ranges;
}

/**
 * The bytes of a carry bundle, record by record, in memory that does not grow with it.
 *
 * @throws AirgapError `plan` when the contents contradict one another; whatever the source throws
 */
export async function* packBundle(
  contents: BundleContents,
  source: CarrySource,
  newHash: NewHash = nobleHash,
): AsyncGenerator<Uint8Array, void, undefined> {
  checkContents(contents);
  const hash = newHash();
  for await (const record of records(contents, source)) {
    const bytes = encodeRecord(record);
    hash.update(bytes);
    yield bytes;
  }
  yield encodeRecord({ kind: 'end', sha256: hash.digest() });
}

async function* records(
  { header, roots, note, signature, ranges, artifacts }: BundleContents,
  source: CarrySource,
): AsyncGenerator<CarryRecord, void, undefined> {
  yield { kind: 'header', header };
  for (const envelope of roots) yield { kind: 'trust-root', envelope };
  yield { kind: 'checkpoint', note, ...(signature && { signature }) };
  let position = header.proof === 'frontier' ? header.base.size : 0;
  for (const { begin, end } of ranges) {
    yield* gap(position, begin, header.base.size, source);
    for (let index = begin; index < end; index++) {
      yield { kind: 'entry', ...(await source.entry(index)) };
    }
    position = end;
  }
  yield* gap(position, header.size, header.base.size, source);
  for (const artifact of artifacts) yield* pieces(artifact);
}

/** What was left out, in records that hold as many hashes as a reader allows. */
async function* gap(
  begin: number,
  end: number,
  base: number,
  source: CarrySource,
): AsyncGenerator<CarryRecord, void, undefined> {
  if (begin >= end) return;
  const nodes = gapNodes(begin, end, base);
  const hashes = await Promise.all(nodes.map((node) => source.node(node)));
  yield { kind: 'skipped', leaves: end - begin, hashes };
}

async function* pieces(artifact: CarriedArtifact): AsyncGenerator<CarryRecord, void, undefined> {
  const { name, sha256, size } = artifact;
  yield { kind: 'artifact', name, sha256, size };
  const piece = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for await (const bytes of artifact.read()) {
    for (let at = 0; at < bytes.length;) {
      const taken = Math.min(CHUNK_BYTES - filled, bytes.length - at);
      piece.set(bytes.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < CHUNK_BYTES) continue;
      yield { kind: 'chunk', bytes: piece.slice() };
      filled = 0;
    }
  }
  if (filled > 0) yield { kind: 'chunk', bytes: piece.slice(0, filled) };
}

function checkContents({ header, roots, ranges, artifacts }: BundleContents): void {
  const counted = [
    ['roots', header.roots, roots.length],
    ['entries', header.entries, countLeaves(ranges)],
    ['artifacts', header.artifacts, artifacts.length],
  ] as const;
  for (const [what, said, found] of counted) {
    if (said !== found)
      throw new AirgapError('plan', `header.${what} is ${said}, there are ${found}`);
  }
  let position = header.proof === 'frontier' ? header.base.size : 0;
  for (const { begin, end } of ranges) {
    if (begin < position || end <= begin || end > header.size) {
      throw new AirgapError('plan', `leaves ${begin} to ${end} are not ascending in the tree`);
    }
    position = end;
  }
}
