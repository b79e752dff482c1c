import { fromBase64, toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import { checkNoteText } from './note.js';
import { openNote, type OpenedNote } from './open-note.js';
import type { SignatureVerifier } from './signature.js';
import type { VerifierKey } from './verifier-key.js';

/** What a log commits to, the text of a note: C2SP tlog-checkpoint. */
export interface Checkpoint {
  readonly origin: string;
  /** Number of leaves, a safe integer. */
  readonly size: number;
  /** RFC 6962 root of the leaves, 32 bytes. */
  readonly root: Uint8Array;
  /** Lines after the root, none of them empty. */
  readonly extensions: readonly string[];
}

const ROOT_SIZE = 32;

/** Digits of 2^64 - 1; what is longer is a size of no log. */
const MAX_SIZE_DIGITS = 20;

/**
 * Reads the text of a checkpoint. formatCheckpoint of the result gives the same text again.
 *
 * @throws NoteError `checkpoint-malformed`, `checkpoint-origin`, `checkpoint-size`,
 * `checkpoint-size-unsafe`, `checkpoint-root`
 */
export function parseCheckpoint(text: string): Checkpoint {
  checkNoteText(text);
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || size === undefined || root === undefined) {
    throw new NoteError('checkpoint-malformed', 'a checkpoint has lines for origin, size and root');
  }
  if (origin === '') throw new NoteError('checkpoint-origin', 'the origin line is empty');
  if (extensions.includes('')) {
    throw new NoteError('checkpoint-malformed', 'an extension line of the checkpoint is empty');
  }
  return { origin, size: parseSize(size), root: parseRoot(root), extensions };
}

/** @throws NoteError when a field cannot be written so that parseCheckpoint reads it */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new NoteError('checkpoint-size', `tree size ${size} is not within 0 to 2^53-1`);
  }
  if ([origin, ...extensions].some((line) => line.includes('\n'))) {
    throw new NoteError('checkpoint-malformed', 'a line of the checkpoint has a line feed in it');
  }
  const lines = [origin, size.toString(), toBase64(root), ...extensions];
  const text = `${lines.join('\n')}\n`;
  parseCheckpoint(text);
  return text;
}

/** A checkpoint that the log it names signed with a known key. */
export interface OpenedCheckpoint extends OpenedNote {
  readonly checkpoint: Checkpoint;
}

/**
 * Opens the note and reads its text. Of the keys that signed, one must carry the origin as its
 * name, so that a log's key is worth nothing under the origin of another.
 *
 * @throws NoteError `checkpoint-origin`, and as openNote and parseCheckpoint do
 */
export async function openCheckpoint(
  bytes: Uint8Array | string,
  keys: readonly VerifierKey[],
  verify: SignatureVerifier,
): Promise<OpenedCheckpoint> {
  const { note, verified } = await openNote(bytes, keys, verify);
  const checkpoint = parseCheckpoint(note.text);
  if (!verified.some((key) => key.name === checkpoint.origin)) {
    throw new NoteError(
      'checkpoint-origin',
      `no key of ${JSON.stringify(checkpoint.origin)} signed the checkpoint, only ` +
        verified.map((key) => key.name).join(', '),
    );
  }
  return { checkpoint, note, verified };
}

function parseSize(line: string): number {
  if (line.length > MAX_SIZE_DIGITS || !/^(?:0|[1-9][0-9]*)$/.test(line)) {
    throw new NoteError(
      'checkpoint-size',
      'the tree size is not a decimal number without leading zeros',
    );
  }
  const size = Number(line);
  if (!Number.isSafeInteger(size)) {
    throw new NoteError('checkpoint-size-unsafe', `tree size ${line} is above 2^53-1`);
  }
  return size;
}

function parseRoot(line: string): Uint8Array {
  let root: Uint8Array;
  try {
    root = fromBase64(line);
  } catch (cause) {
    throw new NoteError('checkpoint-root', 'the root is not in canonical base64', { cause });
  }
  if (root.length !== ROOT_SIZE) {
    throw new NoteError('checkpoint-root', `the root has ${root.length} bytes, not 32`);
  }
  return root;
}
