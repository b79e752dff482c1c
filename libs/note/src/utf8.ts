import { utf8ToBytes } from '@noble/hashes/utils.js';
import { NoteError } from './errors.js';

/** Code units joined at a time: String.fromCharCode takes them as arguments, on the stack. */
const CHUNK = 8192;

/**
 * The UTF-8 bytes of a text.
 *
 * @throws NoteError `utf8` when the text has half of a surrogate pair, which UTF-8 cannot carry
 */
export function encodeUtf8(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) {
    throw new NoteError('utf8', 'the text has an unpaired surrogate and no UTF-8 form');
  }
  return utf8ToBytes(text);
}

/**
 * The text of UTF-8 bytes (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF,
 * and a byte order mark stays what it is. encodeUtf8 of the result gives the same bytes again.
 *
 * @throws NoteError `utf8`
 */
export function decodeUtf8(bytes: Uint8Array): string {
  return isAscii(bytes) ? asciiText(bytes) : decodeAny(bytes);
}

/** Most of what is read is, and takes no list of units. */
function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte >= 0x80) return false;
  return true;
}

function asciiText(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + CHUNK) as unknown as number[]);
  }
  return text;
}

function decodeAny(bytes: Uint8Array): string {
  let text = '';
  let units: number[] = [];
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i] as number;
    if (first < 0x80) {
      units.push(first);
      i++;
    } else {
      const length = sequenceLength(first);
      const point = length === 0 ? undefined : codePoint(bytes, i, length);
      if (point === undefined) {
        throw new NoteError('utf8', `the bytes are not UTF-8 at offset ${i}`);
      }
      if (point > 0xffff) {
        units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
      } else {
        units.push(point);
      }
      i += length;
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** Bytes of the sequence that starts with `first`; 0 when none does. */
function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

const SMALLEST: Readonly<Record<number, number>> = { 2: 0x80, 3: 0x800, 4: 0x10000 };

function codePoint(bytes: Uint8Array, start: number, length: number): number | undefined {
  let point = (bytes[start] as number) & (0x7f >> length);
  for (let i = start + 1; i < start + length; i++) {
    const next = bytes[i];
    if (next === undefined || (next & 0xc0) !== 0x80) return undefined;
    point = (point << 6) | (next & 0x3f);
  }
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  const overlong = point < (SMALLEST[length] as number);
  return surrogate || overlong || point > 0x10ffff ? undefined : point;
}
