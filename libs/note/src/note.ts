import { concatBytes } from '@noble/hashes/utils.js';
import { fromBase64, toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';
import { isKeyName } from './verifier-key.js';

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  /** The key ID of the specification, an unsigned 32-bit number. */
  readonly keyHash: number;
  /** What follows the key ID: at least one byte. */
  readonly signature: Uint8Array;
}

/** A note of C2SP signed-note. The text ends in a line feed; it means nothing until verified. */
export interface SignedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The specification asks for a bound and for at least 16 signatures; the Go library has these. */
export const MAX_NOTE_SIZE = 1_000_000;
export const MAX_SIGNATURES = 100;

const SIGNATURE_PREFIX = '\u2014 ';
const KEY_HASH_SIZE = 4;

/** Control characters below U+0020 other than the line feed. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/**
 * Reads a signed note. formatNote of the result gives the same bytes again.
 *
 * @throws NoteError `note-too-large`, `utf8`, `note-control-character`, `note-malformed`,
 * `signature-line`, `too-many-signatures`
 */
export function parseNote(input: Uint8Array | string): SignedNote {
  if (input.length > MAX_NOTE_SIZE) throw tooLarge();
  const bytes = typeof input === 'string' ? encodeUtf8(input) : input;
  if (bytes.length > MAX_NOTE_SIZE) throw tooLarge();
  const note = typeof input === 'string' ? input : decodeUtf8(input);
  checkControl(note);
  // The last empty line parts text and signatures: the text may have empty lines of its own.
  const end = note.lastIndexOf('\n\n');
  if (end < 0) {
    throw new NoteError('note-malformed', 'no empty line parts the note from its signatures');
  }
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '' || lines.length === 0) {
    throw new NoteError('note-malformed', 'the note does not end in a signature line');
  }
  if (lines.length > MAX_SIGNATURES) throw tooManySignatures(lines.length);
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

/**
 * The note as it is published, checked so that parseNote takes it.
 *
 * @throws NoteError `note-text` and as parseNote does
 */
export function formatNote({ text, signatures }: SignedNote): string {
  checkNoteText(text);
  if (signatures.length === 0) {
    throw new NoteError('note-malformed', 'a note has at least one signature');
  }
  if (signatures.length > MAX_SIGNATURES) throw tooManySignatures(signatures.length);
  const note = `${text}\n${signatures.map(formatSignature).join('')}`;
  parseNote(note);
  return note;
}

/**
 * Refuses a text that no note can carry.
 *
 * @throws NoteError `note-text`, `note-control-character`
 */
export function checkNoteText(text: string): void {
  if (!text.endsWith('\n')) {
    throw new NoteError('note-text', 'the text of a note must end in a line feed');
  }
  checkControl(text);
}

/**
 * The signatures without those that repeat an earlier line to the byte. Whoever gathers cosignatures
 * may bring a line twice; the specification forbids it nowhere, and it says nothing new.
 */
export function distinctSignatures(signatures: readonly NoteSignature[]): NoteSignature[] {
  return [...new Map(signatures.map((each) => [formatSignature(each), each])).values()];
}

function parseSignature(line: string, i: number): NoteSignature {
  const bad = (why: string, options?: ErrorOptions): NoteError =>
    new NoteError('signature-line', `signature line ${i + 1} of the note ${why}`, options);
  if (!line.startsWith(SIGNATURE_PREFIX)) throw bad('does not begin with an em dash and a space');
  const [name, base64, ...more] = line.slice(SIGNATURE_PREFIX.length).split(' ');
  if (name === undefined || base64 === undefined || more.length > 0) {
    throw bad('is not a key name, a space and base64');
  }
  if (!isKeyName(name)) throw bad('has no valid key name');
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(base64);
  } catch (cause) {
    throw bad('is not in canonical base64', { cause });
  }
  if (bytes.length <= KEY_HASH_SIZE) throw bad('has no signature after its key hash');
  const keyHash = new DataView(bytes.buffer).getUint32(0);
  return { name, keyHash, signature: bytes.slice(KEY_HASH_SIZE) };
}

function formatSignature({ name, keyHash, signature }: NoteSignature): string {
  if (!Number.isInteger(keyHash) || keyHash < 0 || keyHash > 0xffffffff) {
    throw new NoteError('signature-line', `key hash ${keyHash} is no unsigned 32-bit number`);
  }
  const head = new Uint8Array(KEY_HASH_SIZE);
  new DataView(head.buffer).setUint32(0, keyHash);
  return `${SIGNATURE_PREFIX}${name} ${toBase64(concatBytes(head, signature))}\n`;
}

function checkControl(text: string): void {
  if (CONTROL.test(text)) {
    throw new NoteError('note-control-character', 'the note has a control character');
  }
}

function tooLarge(): NoteError {
  return new NoteError('note-too-large', `a note has at most ${MAX_NOTE_SIZE} bytes`);
}

function tooManySignatures(count: number): NoteError {
  return new NoteError(
    'too-many-signatures',
    `the note has ${count} signatures, at most ${MAX_SIGNATURES} are read`,
  );
}
