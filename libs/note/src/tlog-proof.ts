import { HASH_SIZE, MerkleError, verifyInclusion } from '@touchstone/merkle';
import { fromBase64, toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import { MAX_NOTE_SIZE, parseNote } from './note.js';
import type { SignatureVerifier } from './signature.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';
import { verifyWitnessed, type WitnessedCheckpoint, type WitnessedOptions } from './witnessed.js';
import type { WitnessPolicy } from './witness-policy.js';

/** That a leaf is in a log, for whoever is offline: C2SP tlog-proof, a `.tlog-proof` file. */
export interface TlogProof {
  /** Index of the leaf, a safe integer. */
  readonly index: number;
  /** RFC 6962 section 2.1.1 audit path, from the leaf's sibling up; 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
  /** At least one byte that the application gives a meaning. Nothing vouches for it. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';

/** The specification has no bounds: a tree of 2^53-1 leaves has 53 hashes, the others are ours. */
export const TLOG_PROOF_LIMITS = { hashes: 63, extraBytes: 262_144 } as const;
const MAX_PROOF_SIZE = MAX_NOTE_SIZE + 400_000;

/**
 * Reads a tlog-proof. formatTlogProof of the result gives the same bytes again.
 *
 * @throws NoteError `proof-malformed`, and as parseNote does for the checkpoint
 */
export function parseTlogProof(input: Uint8Array | string): TlogProof {
  if (input.length > MAX_PROOF_SIZE) throw malformed(`has more than ${MAX_PROOF_SIZE} bytes`);
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  const end = text.indexOf('\n\n');
  if (end < 0) throw malformed('has no empty line before its checkpoint');
  const lines = text.slice(0, end).split('\n');
  if (lines.shift() !== HEADER) throw malformed(`does not begin with the line ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') ? parseExtra(lines.shift() as string) : {};
  const index = parseIndex(lines.shift());
  if (lines.length > TLOG_PROOF_LIMITS.hashes) {
    throw malformed(`has more than ${TLOG_PROOF_LIMITS.hashes} hashes`);
  }
  const hashes = lines.map(parseHash);
  const checkpoint = text.slice(end + 2);
  parseNote(checkpoint);
  return { index, hashes, checkpoint, ...extra };
}

/** @throws NoteError when a field cannot be written so that parseTlogProof reads it */
export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map((hash) => toBase64(hash)),
  ];
  const text = `${lines.join('\n')}\n\n${checkpoint}`;
  encodeUtf8(text);
  parseTlogProof(text);
  return text;
}

/** What a proof is verified against; none of it comes with the proof. */
export interface TlogProofClaim extends WitnessedOptions {
  /** The leaf that was logged, hashed by RFC 6962: 32 bytes. */
  readonly leafHash: Uint8Array;
  readonly policy: WitnessPolicy;
}

/**
 * Verifies a proof by the steps of C2SP tlog-proof, "Verifying": the log's signature and origin,
 * the witnesses' cosignatures and their quorum, the leaf under the root.
 *
 * @throws NoteError `quorum-missing`, `proof-inclusion`, and as verifyWitnessed does
 */
export async function verifyTlogProof(
  proof: TlogProof,
  { leafHash, policy, ...options }: TlogProofClaim,
  verify: SignatureVerifier,
): Promise<WitnessedCheckpoint> {
  const opened = await verifyWitnessed(proof.checkpoint, policy, verify, options);
  if (!opened.quorum) {
    const names = opened.cosignatures.map(({ witness }) => witness.name).join(', ');
    throw new NoteError(
      'quorum-missing',
      `the checkpoint is not witnessed by the quorum of the policy, only by: ${names || 'nobody'}`,
    );
  }
  const { size, root } = opened.checkpoint;
  try {
    verifyInclusion({ index: proof.index, size, leafHash, proof: [...proof.hashes], root });
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    throw new NoteError('proof-inclusion', `the leaf is not proven: ${cause.message}`, { cause });
  }
  return opened;
}

function parseExtra(line: string): { extra: Uint8Array } {
  const extra = decode(line.slice('extra '.length), 'extra data');
  if (extra.length === 0) throw malformed('has an extra line without data; leave the line out');
  if (extra.length > TLOG_PROOF_LIMITS.extraBytes) {
    throw malformed(`has more than ${TLOG_PROOF_LIMITS.extraBytes} bytes of extra data`);
  }
  return { extra };
}

function parseIndex(line: string | undefined): number {
  const match = /^index (0|[1-9][0-9]{0,15})$/.exec(line ?? '');
  const index = Number(match?.[1] ?? NaN);
  if (!Number.isSafeInteger(index)) {
    throw malformed('has no line "index" with a decimal number from 0 to 2^53-1');
  }
  return index;
}

function parseHash(line: string, at: number): Uint8Array {
  const hash = decode(line, `hash ${at}`);
  if (hash.length !== HASH_SIZE) throw malformed(`has ${hash.length} bytes as hash ${at}, not 32`);
  return hash;
}

function decode(base64: string, what: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch (cause) {
    throw malformed(`does not have its ${what} in canonical base64`, { cause });
  }
}

function malformed(why: string, options?: ErrorOptions): NoteError {
  return new NoteError('proof-malformed', `the tlog-proof ${why}`, options);
}
