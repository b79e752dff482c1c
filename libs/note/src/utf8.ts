import { utf8ToBytes } from '@noble/hashes/utils.js';
import { NoteError } from './errors.js';

/** WHATWG Encoding: no part of ECMAScript, but of every platform that the core runs on. */
declare class TextDecoder {
  constructor(label: 'utf-8', options: { fatal: true; ignoreBOM: true });
  decode(bytes: Uint8Array): string;
}

/** Any surrogate at all: seldom there, and found far faster than what is not half of a pair. */
const SURROGATE = /[\ud800-\udfff]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The UTF-8 bytes of a text.
 *
 * @throws NoteError `utf8` when the text has half of a surrogate pair, which UTF-8 cannot carry
 */
export function encodeUtf8(text: string): Uint8Array {
  if (SURROGATE.test(text) && LONE_SURROGATE.test(text)) {
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
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new NoteError('utf8', 'the bytes are not UTF-8', { cause });
  }
}
