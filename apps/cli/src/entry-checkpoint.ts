import { nodeVerifier } from '@touchstone/keys';
import {
  NoteError,
  openNote,
  parseCheckpoint,
  parseNote,
  verifierKey,
  type Checkpoint,
  type PublicKey,
  type VerifierKey,
} from '@touchstone/note';

/** What Rekor v1 writes behind the name of a log: the number of the tree that is meant. */
const TREE_NUMBER = / - (?:0|[1-9][0-9]{0,18})$/;

/** Whether a checkpoint is of one tree among several of a log, as Rekor v1 has them. */
export function isOfRekorTree({ origin }: Checkpoint): boolean {
  return TREE_NUMBER.test(origin);
}

/**
 * Opens the checkpoint that an entry came with: its origin is the name of the key that signed, by
 * itself or, in Rekor v1, with the number of a tree behind it.
 *
 * @param trusted verifier keys, or the bare key of a log of Rekor v1, which goes by what it signs
 * @throws NoteError as `openCheckpoint` does
 */
export async function openEntryCheckpoint(
  note: string,
  trusted: readonly VerifierKey[] | PublicKey,
): Promise<Checkpoint> {
  const { origin } = parseCheckpoint(parseNote(note).text);
  const name = origin.replace(TREE_NUMBER, '');
  const keys = 'spki' in trusted ? [verifierKey(name, trusted)] : trusted;
  const opened = await openNote(note, keys, nodeVerifier);
  if (opened.verified.some((key) => key.name === origin || key.name === name)) {
    return parseCheckpoint(opened.note.text);
  }
  throw new NoteError('checkpoint-origin', `no key of ${JSON.stringify(origin)} signed it`);
}
