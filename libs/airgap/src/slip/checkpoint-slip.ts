import { decodeCbor, encodeCbor, type CborValue } from '@touchstone/attest';
import {
  formatCheckpoint,
  formatNote,
  parseCheckpoint,
  parseNote,
  type NoteSignature,
} from '@touchstone/note';
import { AirgapError } from '../errors.js';
import { same } from '../bytes.js';
import { joinHashes, splitHashes } from '../hash-run.js';
import { MAX_SLIP_BYTES } from './slip-text.js';

/**
 * A checkpoint alone, with what shows that it continues the one before: small enough for one QR code.
 *
 *   [format, origin, size, root, [extension*], [[name, key hash, signature]*], from, hashes]
 *
 * in deterministic CBOR. `from` is the tree size that the proof begins at and `hashes` the RFC 6962
 * consistency proof, joined; both are null on the way back, when the slip brings a cosignature. The
 * note is made again byte for byte, so what was signed is what is checked.
 */
const FORMAT = 'touchstone-checkpoint/1';
const LIMITS = { bytes: MAX_SLIP_BYTES, depth: 3, items: 512 };
/** C2SP tlog-witness bounds it; trees of 2^53 leaves need fewer. */
const MAX_PROOF = 63;

export interface CheckpointSlip {
  /** The signed note, as published or as cosigned. */
  readonly note: string;
  readonly consistency?: {
    readonly from: number;
    /** RFC 6962 section 2.1.2; empty for `from` 0 and for the same size. */
    readonly proof: readonly Uint8Array[];
  };
}

/** @throws NoteError when it is no checkpoint, AirgapError `slip-too-large`, `slip-malformed` */
export function encodeCheckpointSlip({ note, consistency }: CheckpointSlip): Uint8Array {
  const { text, signatures } = parseNote(note);
  const { origin, size, root, extensions } = parseCheckpoint(text);
  if (consistency !== undefined) checkProof(consistency.from, size, consistency.proof.length);
  const bytes = encodeCbor([
    ...[FORMAT, origin, size, root, extensions],
    signatures.map(({ name, keyHash, signature }) => [name, keyHash, signature]),
    consistency?.from ?? null,
    consistency === undefined ? null : joinHashes(consistency.proof),
  ]);
  if (bytes.length <= MAX_SLIP_BYTES) return bytes;
  throw new AirgapError('slip-too-large', `it has ${bytes.length} bytes, over ${MAX_SLIP_BYTES}`);
}

/**
 * Reads what encodeCheckpointSlip writes, and nothing else. Unverified.
 *
 * @throws AirgapError `slip-malformed`
 */
export function decodeCheckpointSlip(bytes: Uint8Array): CheckpointSlip {
  let value: CborValue;
  try {
    value = decodeCbor(bytes, LIMITS);
  } catch (cause) {
    throw malformed('is no deterministic CBOR', cause);
  }
  const list = Array.isArray(value) ? (value as CborValue[]) : [];
  if (list[0] !== FORMAT || list.length !== 8) throw malformed(`is no ${FORMAT}`);
  const [, origin, size, root, extensions, signatures, from, hashes] = list;
  const note = noteOf({ origin, size, root, extensions, signatures });
  const slip = { note, ...readProof(size as number, from, hashes) };
  if (!same(encodeCheckpointSlip(slip), bytes)) throw malformed('is not in its one encoding');
  return slip;
}

function readProof(
  size: number,
  from: CborValue | undefined,
  hashes: CborValue | undefined,
): Pick<CheckpointSlip, 'consistency'> {
  if (from === null && hashes === null) return {};
  if (typeof from !== 'number' || !(hashes instanceof Uint8Array)) {
    throw malformed('has a wrong proof: a tree size and hashes are expected');
  }
  const proof = splitHashes(hashes);
  if (proof === undefined) throw malformed('has a proof that ends within a hash');
  checkProof(from, size, proof.length);
  return { consistency: { from, proof } };
}

function noteOf(
  fields: Record<'origin' | 'size' | 'root' | 'extensions' | 'signatures', unknown>,
): string {
  const { origin, size, root, extensions, signatures } = fields;
  if (typeof origin !== 'string') throw malformed('has a wrong origin: text is expected');
  if (typeof size !== 'number') throw malformed('has a wrong size: a number is expected');
  if (!(root instanceof Uint8Array)) throw malformed('has a wrong root: bytes are expected');
  if (!isList(extensions) || !extensions.every((line) => typeof line === 'string')) {
    throw malformed('has wrong extensions: a list of text is expected');
  }
  if (!isList(signatures)) throw malformed('has wrong signatures: a list is expected');
  try {
    const text = formatCheckpoint({ origin, size, root, extensions });
    return formatNote({ text, signatures: signatures.map(readSignature) });
  } catch (cause) {
    if (cause instanceof AirgapError) throw cause;
    const why = cause instanceof Error ? cause.message : 'unreadable';
    throw malformed(`makes no signed checkpoint: ${why}`, cause);
  }
}

function readSignature(value: unknown, at: number): NoteSignature {
  const [name, keyHash, signature, ...more] = isList(value) ? value : [];
  if (
    typeof name !== 'string' ||
    typeof keyHash !== 'number' ||
    !(signature instanceof Uint8Array) ||
    more.length > 0
  ) {
    throw malformed(`has a wrong signature ${at}: name, key hash and bytes are expected`);
  }
  return { name, keyHash, signature };
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function checkProof(from: number, size: number, hashes: number): void {
  if (!Number.isSafeInteger(from) || from < 0 || from > size) {
    throw malformed(`has a proof from size ${from}, and the tree has ${size}`);
  }
  if (hashes > MAX_PROOF) throw malformed(`has a proof of more than ${MAX_PROOF} hashes`);
  if ((from === 0 || from === size) !== (hashes === 0)) {
    throw malformed(`has ${hashes} hashes from size ${from} to ${size}`);
  }
}

function malformed(why: string, cause?: unknown): AirgapError {
  return new AirgapError('slip-malformed', `the checkpoint slip ${why}`, { cause });
}
