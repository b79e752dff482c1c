import { HASH_SIZE } from '@touchstone/merkle';
import { decodeUtf8, fromBase64, parseNote, toBase64 } from '@touchstone/note';
import type { SignedNote } from '@touchstone/note';
import { TlogError, reason } from '../error.js';

/** A request of C2SP tlog-witness, "add-checkpoint". */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness is thought to have cosigned last; 0 for none. */
  readonly oldSize: number;
  /** RFC 6962 section 2.1.2 proof from the old size; none when that is 0. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint. */
  readonly note: SignedNote;
}

/** The specification bounds the proof; the size of the whole is ours. */
export const ADD_CHECKPOINT_LIMITS = { proof: 63, bytes: 262_144 } as const;

/**
 * Reads the body of a request. What is signed in it means nothing until verified.
 *
 * @throws TlogError `witness-request`
 */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  if (body.length > ADD_CHECKPOINT_LIMITS.bytes) {
    throw malformed(`it has more than ${ADD_CHECKPOINT_LIMITS.bytes} bytes`);
  }
  try {
    const text = decodeUtf8(body);
    const end = text.indexOf('\n\n');
    if (end < 0) throw new Error('no empty line parts the proof from the checkpoint');
    const [old = '', ...hashes] = text.slice(0, end).split('\n');
    if (hashes.length > ADD_CHECKPOINT_LIMITS.proof) {
      throw new Error(`the proof has more than ${ADD_CHECKPOINT_LIMITS.proof} hashes`);
    }
    const oldSize = parseOldSize(old);
    return { oldSize, proof: hashes.map(parseHash), note: parseNote(text.slice(end + 2)) };
  } catch (cause) {
    throw malformed(reason(cause), { cause });
  }
}

/**
 * The body of a request.
 *
 * @param note the signed checkpoint as its log wrote it
 */
export function formatAddCheckpoint(
  oldSize: number,
  proof: readonly Uint8Array[],
  note: string,
): string {
  const lines = [`old ${oldSize}`, ...proof.map((hash) => toBase64(hash))];
  return `${lines.join('\n')}\n\n${note}`;
}

function parseOldSize(line: string): number {
  const size = Number(/^old (0|[1-9][0-9]{0,15})$/.exec(line)?.[1] ?? NaN);
  if (!Number.isSafeInteger(size)) {
    throw new Error('its first line is not "old" and a decimal size from 0 to 2^53-1');
  }
  return size;
}

function parseHash(line: string, at: number): Uint8Array {
  const hash = fromBase64(line);
  if (hash.length !== HASH_SIZE) throw new Error(`hash ${at} of the proof has not 32 bytes`);
  return hash;
}

function malformed(why: string, options?: ErrorOptions): TlogError {
  return new TlogError('witness-request', `the request is malformed: ${why}`, options);
}
