import { NoteError } from './errors.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Two characters for each value of 12 bits: half the concatenations, twice the speed. */
const PAIRS = Array.from({ length: 4096 }, (_, i) => char(i >> 6) + char(i & 63));

const INVALID = 0xff;

const VALUES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

/** Standard base64 with padding, RFC 4648 section 4. */
export function toBase64(bytes: Uint8Array): string {
  const whole = bytes.length - (bytes.length % 3);
  let text = '';
  for (let i = 0; i < whole; i += 3) {
    const group = (at(bytes, i) << 16) | (at(bytes, i + 1) << 8) | at(bytes, i + 2);
    text += pair(group >> 12) + pair(group & 0xfff);
  }
  const left = bytes.length - whole;
  if (left === 1) return `${text}${pair(at(bytes, whole) << 4)}==`;
  if (left === 0) return text;
  const group = (at(bytes, whole) << 8) | at(bytes, whole + 1);
  return `${text}${pair(group >> 4)}${char((group & 0x0f) << 2)}=`;
}

/**
 * Reads what toBase64 writes and nothing else: no white space, no missing padding, no other
 * alphabet, no stray bits in the last character. So two different texts never mean the same bytes.
 *
 * @throws NoteError `base64`
 */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw notBase64('its length is no multiple of four');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const whole = text.length - (padding === 0 ? 0 : 4);
  let offset = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = valueAt(text, i);
    const b = valueAt(text, i + 1);
    const c = valueAt(text, i + 2);
    const d = valueAt(text, i + 3);
    if ((a | b | c | d) === INVALID) throw wrongCharacter(text, i);
    bytes[offset++] = (a << 2) | (b >> 4);
    bytes[offset++] = ((b & 0x0f) << 4) | (c >> 2);
    bytes[offset++] = ((c & 0x03) << 6) | d;
  }
  if (padding === 0) return bytes;
  const a = valueAt(text, whole);
  const b = valueAt(text, whole + 1);
  const c = padding === 2 ? 0 : valueAt(text, whole + 2);
  if ((a | b | c) === INVALID) throw wrongCharacter(text, whole);
  const strayBits = padding === 2 ? b & 0x0f : c & 0x03;
  if (strayBits !== 0) throw notBase64('its last character has stray bits');
  bytes[offset] = (a << 2) | (b >> 4);
  if (padding === 1) bytes[offset + 1] = ((b & 0x0f) << 4) | (c >> 2);
  return bytes;
}

/** The six bits that a character stands for; INVALID, which has bits beyond them, for others. */
function valueAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < VALUES.length ? (VALUES[code] as number) : INVALID;
}

function wrongCharacter(text: string, from: number): NoteError {
  let i = from;
  while (valueAt(text, i) !== INVALID) i++;
  return notBase64(`character ${i} is not of its alphabet`);
}

function char(value: number): string {
  return ALPHABET.charAt(value);
}

function pair(value: number): string {
  return PAIRS[value] as string;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function notBase64(why: string): NoteError {
  return new NoteError('base64', `the text is not canonical base64: ${why}`);
}
