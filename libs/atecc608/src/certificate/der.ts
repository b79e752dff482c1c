import { concatBytes } from '@noble/hashes/utils.js';
import { Atecc608Error } from '../errors.js';

/** One DER element of a larger array: its tag, and where its content stands. */
export interface Element {
  readonly tag: number;
  /** Of the tag. */
  readonly start: number;
  /** Of the content. */
  readonly content: number;
  /** Behind the content. */
  readonly end: number;
}

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  extensions: 0xa3,
  version: 0xa0,
  keyIdentifier: 0x80,
} as const;

/** No certificate of a chip comes near; a length field of two bytes ends here anyway. */
const MAX_LENGTH = 0xffff;

/**
 * The element that begins at `start` and ends by `limit`.
 *
 * @throws Atecc608Error `certificate-malformed`
 */
export function readElement(bytes: Uint8Array, start: number, limit: number): Element {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || start + 2 > limit) throw cutOff(start);
  const sizeBytes = first < 0x80 ? 0 : first & 0x7f;
  if (sizeBytes > 2 || first === 0x80) {
    throw malformed(`the length at ${start + 1} is not one of a certificate`);
  }
  const content = start + 2 + sizeBytes;
  if (content > limit) throw cutOff(start);
  let length = sizeBytes === 0 ? first : 0;
  for (let i = 0; i < sizeBytes; i++) length = (length << 8) | bytes[start + 2 + i]!;
  if (sizeBytes > 0 && length < (sizeBytes === 1 ? 0x80 : 0x100)) {
    throw malformed(`the length at ${start + 1} is not in its shortest form`);
  }
  if (content + length > limit) throw cutOff(start);
  return { tag, start, content, end: content + length };
}

/** The elements inside one that is made of elements. */
export function children(bytes: Uint8Array, parent: Element): Element[] {
  const found: Element[] = [];
  for (let at = parent.content; at < parent.end;) {
    const element = readElement(bytes, at, parent.end);
    found.push(element);
    at = element.end;
  }
  return found;
}

/** The element, when it has the tag that its place asks for. */
export function expectTag(element: Element | undefined, tag: number, what: string): Element {
  if (element?.tag !== tag) throw malformed(`${what} is not there`);
  return element;
}

export function contentOf(bytes: Uint8Array, element: Element): Uint8Array {
  return bytes.subarray(element.content, element.end);
}

/** An element of DER. */
export function encodeElement(tag: number, ...content: Uint8Array[]): Uint8Array {
  const body = concatBytes(...content);
  const { length } = body;
  if (length > MAX_LENGTH) throw malformed(`an element has at most ${MAX_LENGTH} bytes`);
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.of(tag, ...size), body);
}

/** DER of an ECDSA signature (RFC 3279 section 2.2.3) from r‖s. */
export function encodeSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  return encodeElement(
    TAG.sequence,
    encodeElement(TAG.integer, unsigned(raw.subarray(0, half))),
    encodeElement(TAG.integer, unsigned(raw.subarray(half))),
  );
}

/** r‖s, 64 bytes, from DER. */
export function decodeSignature(bytes: Uint8Array, sequence: Element): Uint8Array {
  const numbers = children(bytes, expectTag(sequence, TAG.sequence, 'the signature'));
  if (numbers.length !== 2) throw malformed('a signature is two numbers');
  const raw = new Uint8Array(64);
  numbers.forEach((number, i) => {
    const content = contentOf(bytes, expectTag(number, TAG.integer, 'a number of the signature'));
    const digits = content[0] === 0 ? content.subarray(1) : content;
    if (digits.length > 32) throw malformed('a number of the signature has more than 32 bytes');
    raw.set(digits, i * 32 + 32 - digits.length);
  });
  return raw;
}

/** The shortest form of an unsigned number: no leading zeros but one before a high bit. */
function unsigned(digits: Uint8Array): Uint8Array {
  let start = 0;
  while (start < digits.length - 1 && digits[start] === 0) start++;
  const short = digits.subarray(start);
  return short[0]! >= 0x80 ? concatBytes(Uint8Array.of(0), short) : short;
}

export function malformed(message: string): Atecc608Error {
  return new Atecc608Error('certificate-malformed', message);
}

function cutOff(start: number): Atecc608Error {
  return malformed(`the element at ${start} is cut off`);
}
