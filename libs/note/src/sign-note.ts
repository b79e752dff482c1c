import { NoteError } from './errors.js';
import { checkNoteText, formatNote, type NoteSignature } from './note.js';
import type { Signer } from './signature.js';
import { encodeUtf8 } from './utf8.js';
import { verifierKey, type VerifierKey } from './verifier-key.js';

/** Signs the texts of notes under one name. */
export interface NoteSigner {
  readonly verifierKey: VerifierKey;
  sign(text: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A signer of notes whose signature is the one the key makes over the text: types 1 and 2. */
export function noteSigner(name: string, signer: Signer): NoteSigner {
  return {
    verifierKey: verifierKey(name, signer.publicKey),
    sign: (text) => signer.sign(text),
  };
}

/**
 * The note of `text` with the existing signatures first, then new ones in the order of signers.
 * An existing signature of one of the signers is replaced.
 *
 * @throws NoteError when the text cannot be signed or the note would not be read back
 */
export async function signNote(
  text: string,
  signers: readonly NoteSigner[],
  existing: readonly NoteSignature[] = [],
): Promise<string> {
  checkNoteText(text);
  const names = new Set(signers.map((signer) => keyTuple(signer.verifierKey)));
  if (names.size !== signers.length) {
    throw new NoteError('ambiguous-key', 'two signers have the same name and key hash');
  }
  const message = encodeUtf8(text);
  const kept = existing.filter((signature) => !names.has(keyTuple(signature)));
  const made = await Promise.all(
    signers.map(async (signer) => ({
      name: signer.verifierKey.name,
      keyHash: signer.verifierKey.keyHash,
      signature: await signer.sign(message),
    })),
  );
  return formatNote({ text, signatures: [...kept, ...made] });
}

/** What names a key in a note. Names have no spaces, so no two tuples give the same text. */
export function keyTuple({ name, keyHash }: Pick<NoteSignature, 'name' | 'keyHash'>): string {
  return `${name} ${keyHash}`;
}
