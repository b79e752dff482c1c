import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { RebuildError } from '../errors.js';
import { blankComments } from './script.js';

export const MAX_MODULE_BYTES = 64 * 1024 * 1024;

export type Packed = 'gzip' | 'deflate' | 'brotli';

/** A literal that may be a module; reading it may find that it is none. */
export interface Literal {
  /** Where the literal begins, its quote or bracket included. */
  readonly start: number;
  readonly end: number;
  /** @throws RebuildError `module-malformed` */
  read(): Uint8Array;
}

/** Magic number and version, of a core module and of a component. */
const PREAMBLES = ['0061736d01000000', '0061736d0d000100'];
/** What the base64 of either begins with; the bits of the version that follow are checked later. */
const BASE64_START = 'AGFzb';
/** Packed modules are recognised by their content, so short texts are not tried. */
const PACKED_LITERAL = /(["'`])(?:data:[\w.+/;=-]{0,128};base64,)?([A-Za-z0-9+/]{40,}={0,2})\1/g;
const DATA_URL = /(["'`])data:[\w.+/;=-]{0,128};base64,$/;
const DATA_URL_LENGTH = 160;

interface LiteralText {
  /** Every byte as a character. */
  readonly raw: string;
  /** Of a script, the same without its comments. */
  readonly code: string;
}

/** Files that hold many modules are looked through once for each. */
const texts = new WeakMap<Uint8Array, LiteralText>();

export function literalText(path: string, file: Uint8Array): LiteralText {
  const known = texts.get(file);
  if (known !== undefined) return known;
  const raw = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
  const text = { raw, code: /\.[cm]?js$/.test(path) ? blankComments(raw) : raw };
  texts.set(file, text);
  return text;
}

export function isModule(bytes: Uint8Array): boolean {
  return PREAMBLES.includes(Buffer.from(bytes.subarray(0, 8)).toString('hex'));
}

/** Base64 text in quotes that begins like a module, a data: URL or not. */
export function* base64Literals(text: string, from: number, path: string): Generator<Literal> {
  for (
    let at = text.indexOf(BASE64_START, from);
    at >= 0;
    at = text.indexOf(BASE64_START, at + 1)
  ) {
    const prefix =
      text[at - 1] === ','
        ? DATA_URL.exec(text.slice(Math.max(from, at - DATA_URL_LENGTH), at))
        : null;
    const start = at - (prefix?.[0].length ?? 1);
    const quote = text[start] ?? '';
    if (start < from || !['"', "'", '`'].includes(quote)) continue;
    const end = text.indexOf(quote, at);
    if (end < 0) return;
    const literal = text.slice(at, end);
    yield { start, end: end + 1, read: () => decodeBase64(literal, path) };
    at = end;
  }
}

/** Base64 text in quotes whose content, unpacked, is a module. */
export function* packedLiterals(text: string, from: number, packed: Packed): Generator<Literal> {
  PACKED_LITERAL.lastIndex = 0;
  const pattern = new RegExp(PACKED_LITERAL.source, 'g');
  pattern.lastIndex = from;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const bytes = Buffer.from(match[2] ?? '', 'base64');
    const module = unpack(bytes, packed);
    if (module === undefined || !isModule(module)) continue;
    yield { start: match.index, end: pattern.lastIndex, read: () => module };
  }
}

/** `[0, 97, 115, 109, …]`, decimal or hexadecimal. */
export function* byteArrays(text: string, from: number, path: string): Generator<Literal> {
  const opening = /\[\s*(?:0|0x0{1,2})\s*,\s*(?:97|0x61)\s*,\s*(?:115|0x73)\s*,/gi;
  opening.lastIndex = from;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const start = match.index;
    const end = text.indexOf(']', start);
    if (end < 0) return;
    yield { start, end: end + 1, read: () => readNumbers(text.slice(start + 1, end), path) };
    opening.lastIndex = end;
  }
}

/** Undefined for what is not packed so, or holds more than a module may. */
function unpack(bytes: Uint8Array, packed: Packed): Uint8Array | undefined {
  const limits = { maxOutputLength: MAX_MODULE_BYTES };
  const [first = 0, second = 0] = bytes;
  try {
    if (packed === 'gzip')
      return first === 0x1f && second === 0x8b ? gunzipSync(bytes, limits) : undefined;
    if (packed === 'deflate')
      return first % 16 === 8 && (first * 256 + second) % 31 === 0
        ? inflateSync(bytes, limits)
        : undefined;
    return brotliDecompressSync(bytes, limits);
  } catch {
    return undefined;
  }
}

function decodeBase64(literal: string, path: string): Uint8Array {
  const bytes = Buffer.from(literal, 'base64');
  if (bytes.toString('base64') !== literal)
    throw new RebuildError(
      'module-malformed',
      `the literal in ${path} that begins like a module is not canonical base64`,
    );
  return bytes;
}

function readNumbers(list: string, path: string): Uint8Array {
  // A trailing comma is allowed in JavaScript.
  const items = list.replace(/,\s*$/, '').split(',');
  return Uint8Array.from(items, (item) => {
    const digits = item.trim();
    const value = /^(?:\d{1,3}|0x[0-9a-f]{1,2})$/i.test(digits) ? Number(digits) : 256;
    if (value > 255)
      throw new RebuildError(
        'module-malformed',
        `the array in ${path} that begins like a module holds ${JSON.stringify(digits.slice(0, 40))}, which is no byte`,
      );
    return value;
  });
}
