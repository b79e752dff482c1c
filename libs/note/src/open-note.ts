import { NoteError } from './errors.js';
import { distinctSignatures, parseNote, type SignedNote } from './note.js';
import { keyTuple } from './sign-note.js';
import type { SignatureVerifier } from './signature.js';
import { encodeUtf8 } from './utf8.js';
import type { VerifierKey } from './verifier-key.js';

/** A note that at least one known key signed. */
export interface OpenedNote {
  readonly note: SignedNote;
  /** The keys whose signatures hold, in the order of the note; never empty. */
  readonly verified: readonly VerifierKey[];
}

/**
 * Reads a note and verifies it by C2SP signed-note: signatures of unknown keys are ignored, one
 * of a known key that does not hold refuses the whole note, and so does a note that no known key
 * signed. A known key may sign once; the same line again counts as one.
 *
 * @throws NoteError `no-known-signature`, `bad-signature`, `duplicate-signature`,
 * `ambiguous-key` when two of the given keys have the same name and key hash, and as parseNote does
 */
export async function openNote(
  bytes: Uint8Array | string,
  keys: readonly VerifierKey[],
  verify: SignatureVerifier,
): Promise<OpenedNote> {
  const known = new Map(keys.map((key) => [keyTuple(key), key]));
  if (known.size !== keys.length) {
    throw new NoteError('ambiguous-key', 'two of the known keys have the same name and key hash');
  }
  const note = parseNote(bytes);
  const text = encodeUtf8(note.text);
  const verified: VerifierKey[] = [];
  for (const signature of distinctSignatures(note.signatures)) {
    const key = known.get(keyTuple(signature));
    if (key === undefined) continue;
    if (verified.includes(key)) {
      throw new NoteError('duplicate-signature', `${key.name} signed the note twice, not alike`);
    }
    if (!(await verify(key.publicKey, text, signature.signature))) {
      throw new NoteError('bad-signature', `the signature of ${key.name} on the note is not valid`);
    }
    verified.push(key);
  }
  if (verified.length === 0) {
    throw new NoteError('no-known-signature', 'none of the known keys signed the note');
  }
  return { note, verified };
}
