import { decodeCbor, encodeCbor, type CborValue } from '@touchstone/attest';
import { HASH_SIZE } from '@touchstone/merkle';
import { AirgapError } from './errors.js';
import { joinHashes, splitHashes } from './hash-run.js';

/**
 * A carry bundle is a sequence of CBOR items (RFC 8742), each in deterministic encoding (RFC 8949
 * section 4.2.1), in one fixed order, so that it can be verified while it streams:
 *
 *   header, trust root*, checkpoint, (skipped | entry)*, (artifact, chunk*)*, end
 *
 * Each item is an array whose first member says which of these it is. Where in the log an entry
 * stands is not written: entries and skipped leaves are the log from its beginning (or from the
 * base, when the importer keeps the tree's frontier), left to right. What was left out is there as
 * the roots of the fewest perfect subtrees, so all proofs of a bundle are one multi-proof, and the
 * proof of consistency with the base as well.
 */

export const CARRY_FORMAT = 'touchstone-carry/1';

/** Largest record, in bytes. An importer needs no more memory than a few of these. */
export const MAX_RECORD_BYTES = 17 * 1024 * 1024;
/** Artifacts travel in pieces of at most this many bytes. */
export const CHUNK_BYTES = 65_536;
const MAX_NAME = 256;
const MAX_ARTIFACT_NAME = 1024;
const MAX_NOTE_BYTES = 65_536;
const MAX_ROOTS = 1024;
const MAX_LEAF_BYTES = 65_535;
const CARRY_LIMITS = { bytes: MAX_RECORD_BYTES, depth: 4, items: 64 };

export interface CarryHeader {
  readonly site: string;
  /** Of the log. */
  readonly origin: string;
  /** What the site has: tree size and root. Size 0 when it has nothing. */
  readonly base: { readonly size: number; readonly root: Uint8Array };
  /** Where the records begin: leaf 0 (`prefix`), or the base (`frontier`). */
  readonly proof: 'prefix' | 'frontier';
  /** Of the checkpoint's tree. */
  readonly size: number;
  /** Version of the trust root that the site has; the records bring the ones after it. */
  readonly rootVersion: number;
  readonly roots: number;
  readonly entries: number;
  readonly artifacts: number;
}

export type CarryRecord =
  | { readonly kind: 'header'; readonly header: CarryHeader }
  /** Envelope of the next trust root, JSON. */
  | { readonly kind: 'trust-root'; readonly envelope: Uint8Array }
  | {
      readonly kind: 'checkpoint';
      /** As published, with its cosignatures. */
      readonly note: Uint8Array;
      /** r‖s of P-256 over {@link exporterMessage}; absent where no chip is to check it. */
      readonly signature?: Uint8Array;
    }
  | {
      readonly kind: 'skipped';
      readonly leaves: number;
      readonly hashes: readonly Uint8Array[];
    }
  | {
      readonly kind: 'entry';
      readonly leaf: Uint8Array;
      /** What the leaf names by SHA-256, as the log keeps it. */
      readonly attestation?: Uint8Array;
    }
  | {
      readonly kind: 'artifact';
      readonly name: string;
      readonly sha256: Uint8Array;
      readonly size: number;
    }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  /** SHA-256 of all bytes of the bundle before this record: finds damage, vouches for nothing. */
  | { readonly kind: 'end'; readonly sha256: Uint8Array };

const NUMBER = {
  header: 1,
  'trust-root': 2,
  checkpoint: 3,
  skipped: 4,
  entry: 5,
  artifact: 6,
  chunk: 7,
  end: 8,
} as const;

/** The bytes of one record. */
export function encodeRecord(record: CarryRecord): Uint8Array {
  return encodeCbor([NUMBER[record.kind], ...members(record)]);
}

function members(record: CarryRecord): CborValue[] {
  switch (record.kind) {
    case 'header':
      return [{ format: CARRY_FORMAT, ...record.header }];
    case 'trust-root':
      return [record.envelope];
    case 'checkpoint':
      return [record.note, record.signature ?? null];
    case 'skipped':
      return [record.leaves, joinHashes(record.hashes)];
    case 'entry':
      return [record.leaf, record.attestation ?? null];
    case 'artifact':
      return [record.name, record.sha256, record.size];
    case 'chunk':
      return [record.bytes];
    case 'end':
      return [record.sha256];
  }
}

/**
 * What the exporter's device-facing key signs: header and checkpoint together, so that no
 * checkpoint is passed on under the header of another site or base.
 */
export function exporterMessage(header: CarryHeader, note: Uint8Array): Uint8Array {
  return encodeCbor([CARRY_FORMAT, encodeRecord({ kind: 'header', header }), note]);
}

/**
 * Reads one record that fills `bytes`.
 *
 * @throws AirgapError `bundle-malformed`
 */
export function decodeRecord(bytes: Uint8Array): CarryRecord {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, CARRY_LIMITS);
  } catch (cause) {
    throw malformed('record', 'is not deterministic CBOR', cause);
  }
  const [number, ...rest] = Array.isArray(value) ? (value as CborValue[]) : [];
  const kind = (Object.keys(NUMBER) as CarryRecord['kind'][]).find(
    (name) => NUMBER[name] === number,
  );
  if (kind === undefined) throw malformed('record', 'is of no known kind');
  const expected = { skipped: 2, entry: 2, checkpoint: 2, artifact: 3 } as const;
  const count = kind in expected ? expected[kind as keyof typeof expected] : 1;
  if (rest.length !== count) throw malformed(kind, `has ${rest.length} members, not ${count}`);
  return READERS[kind](rest);
}

const READERS: Readonly<Record<CarryRecord['kind'], (rest: CborValue[]) => CarryRecord>> = {
  header: ([map]) => ({ kind: 'header', header: readHeader(map) }),
  'trust-root': ([envelope]) => ({
    kind: 'trust-root',
    envelope: bytesOf(envelope, 'trust-root.envelope', MAX_RECORD_BYTES),
  }),
  checkpoint: ([note, signature]) => ({
    kind: 'checkpoint',
    note: bytesOf(note, 'checkpoint.note', MAX_NOTE_BYTES),
    ...(signature === null
      ? {}
      : { signature: exactly(bytesOf(signature, 'checkpoint.signature', 64), 64) }),
  }),
  skipped: ([leaves, hashes]) => ({
    kind: 'skipped',
    leaves: positive(leaves, 'skipped.leaves'),
    hashes: hashesOf(bytesOf(hashes, 'skipped.hashes', 128 * HASH_SIZE)),
  }),
  entry: ([leaf, attestation]) => ({
    kind: 'entry',
    leaf: bytesOf(leaf, 'entry.leaf', MAX_LEAF_BYTES),
    ...(attestation === null
      ? {}
      : { attestation: bytesOf(attestation, 'entry.attestation', MAX_RECORD_BYTES) }),
  }),
  artifact: ([name, sha256, size]) => ({
    kind: 'artifact',
    name: textOf(name, 'artifact.name', MAX_ARTIFACT_NAME),
    sha256: exactly(bytesOf(sha256, 'artifact.sha256', HASH_SIZE), HASH_SIZE),
    size: count(size, 'artifact.size'),
  }),
  chunk: ([bytes]) => ({ kind: 'chunk', bytes: bytesOf(bytes, 'chunk.bytes', CHUNK_BYTES) }),
  end: ([sha256]) => ({
    kind: 'end',
    sha256: exactly(bytesOf(sha256, 'end.sha256', HASH_SIZE), HASH_SIZE),
  }),
};

const HEADER_FIELDS = [
  'format',
  'site',
  'origin',
  'base',
  'proof',
  'size',
  'rootVersion',
  'roots',
  'entries',
  'artifacts',
];

function readHeader(value: CborValue | undefined): CarryHeader {
  const map = fields(value, 'header', HEADER_FIELDS);
  if (map.get('format') !== CARRY_FORMAT) {
    throw malformed('header.format', `is not ${CARRY_FORMAT}; this tool reads no other`);
  }
  const base = fields(map.get('base'), 'header.base', ['size', 'root']);
  const proof = map.get('proof');
  if (proof !== 'prefix' && proof !== 'frontier') {
    throw malformed('header.proof', 'is neither prefix nor frontier');
  }
  const header = {
    site: textOf(map.get('site'), 'header.site', MAX_NAME),
    origin: textOf(map.get('origin'), 'header.origin', MAX_NAME),
    base: {
      size: count(base.get('size'), 'header.base.size'),
      root: exactly(bytesOf(base.get('root'), 'header.base.root', HASH_SIZE), HASH_SIZE),
    },
    proof,
    size: count(map.get('size'), 'header.size'),
    rootVersion: count(map.get('rootVersion'), 'header.rootVersion'),
    roots: count(map.get('roots'), 'header.roots'),
    entries: count(map.get('entries'), 'header.entries'),
    artifacts: count(map.get('artifacts'), 'header.artifacts'),
  } as const;
  if (header.roots > MAX_ROOTS) throw malformed('header.roots', `is over ${MAX_ROOTS}`);
  if (header.base.size > header.size) throw malformed('header.base.size', 'is over header.size');
  if (header.entries > header.size) throw malformed('header.entries', 'is over header.size');
  return header;
}

function fields(
  value: CborValue | undefined,
  field: string,
  names: readonly string[],
): ReadonlyMap<string | number, CborValue> {
  if (!(value instanceof Map)) throw malformed(field, 'is no map');
  const map = value as ReadonlyMap<string | number, CborValue>;
  if (map.size !== names.length || names.some((name) => !map.has(name))) {
    throw malformed(field, `has other fields than ${names.join(', ')}`);
  }
  return map;
}

function bytesOf(value: CborValue | undefined, field: string, max: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformed(field, 'is no byte string');
  if (value.length > max) throw malformed(field, `is longer than ${max} bytes`);
  return value;
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw malformed('byte string', `is not ${length} bytes long`);
  return bytes;
}

function hashesOf(bytes: Uint8Array): Uint8Array[] {
  const hashes = splitHashes(bytes);
  if (hashes === undefined) throw malformed('skipped.hashes', 'ends within a hash');
  return hashes;
}

function textOf(value: CborValue | undefined, field: string, max: number): string {
  // eslint-disable-next-line no-control-regex -- names are printed and become file names
  if (typeof value !== 'string' || value === '' || /[\u0000-\u001f\u007f]/.test(value)) {
    throw malformed(field, 'is no text without control characters');
  }
  if (value.length > max) throw malformed(field, `is longer than ${max} characters`);
  return value;
}

function count(value: CborValue | undefined, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(field, 'is no whole number from 0 to 2^53-1');
  }
  return value;
}

function positive(value: CborValue | undefined, field: string): number {
  const number = count(value, field);
  if (number === 0) throw malformed(field, 'is 0');
  return number;
}

function malformed(field: string, why: string, cause?: unknown): AirgapError {
  return new AirgapError('bundle-malformed', `${field} ${why}`, { cause });
}
