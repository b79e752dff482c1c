import { NoteError } from './errors.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const CODES = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));

const INVALID = 0xff;

const VALUES = new Uint8Array(128).fill(INVALID);
CODES.forEach((code, value) => {
  VALUES[code] = value;
});

const PAD = 0x3d;

/** Characters joined at a time: String.fromCharCode takes them as arguments, on the stack. */
const CHUNK = 8192;

/** Standard base64 with padding, RFC 4648 section 4. */
export function toBase64(bytes: Uint8Array): string {
  const chars = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    chars[at++] = CODES[group >> 18] as number;
    chars[at++] = CODES[(group >> 12) & 63] as number;
    chars[at++] = left > 1 ? (CODES[(group >> 6) & 63] as number) : PAD;
    chars[at++] = left > 2 ? (CODES[group & 63] as number) : PAD;
  }
  let text = '';
  for (let i = 0; i < chars.length; i += CHUNK) {
    text += String.fromCharCode(...chars.subarray(i, i + CHUNK));
  }
  return text;
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
  const end = text.length - padding;
  let at = 0;
  let group = 0;
  for (let i = 0; i < end; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? INVALID;
    if (value === INVALID) throw notBase64(`character ${i} is not of its alphabet`);
    group = (group << 6) | value;
    if (i % 4 === 3) {
      bytes[at++] = group >> 16;
      bytes[at++] = (group >> 8) & 0xff;
      bytes[at++] = group & 0xff;
      group = 0;
    }
  }
  if (padding === 0) return bytes;
  const strayBits = padding === 2 ? group & 0x0f : group & 0x03;
  if (strayBits !== 0) throw notBase64('its last character has stray bits');
  if (padding === 2) {
    bytes[at] = group >> 4;
  } else {
    bytes[at] = group >> 10;
    bytes[at + 1] = (group >> 2) & 0xff;
  }
  return bytes;
}

function notBase64(why: string): NoteError {
  return new NoteError('base64', `the text is not canonical base64: ${why}`);
}
