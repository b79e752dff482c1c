import type { ModuleLocation } from '@touchstone/contract';
import { RebuildError } from '../errors.js';

export const MAX_MODULE_BYTES = 64 * 1024 * 1024;

/** Magic number and version, of a core module and of a component. */
const PREAMBLES = ['0061736d01000000', '0061736d0d000100'];
/** What the base64 of either begins with; the bits of the version that follow are checked later. */
const BASE64_START = 'AGFzb';
const QUOTES = ['"', "'", '`'];

/**
 * A published module, read from the artifact's files.
 *
 * @param files by path
 * @throws RebuildError `module-not-found`, `module-ambiguous`, `module-malformed`
 */
export function locateModule(
  files: ReadonlyMap<string, Uint8Array>,
  location: ModuleLocation,
): Uint8Array {
  const file = files.get(location.path);
  if (file === undefined)
    throw new RebuildError('module-not-found', `the artifact holds no file ${location.path}`);
  if (location.kind === 'file') return checkModule(file, location.path);
  // Bytes as characters: literals are ASCII, and offsets stay what they are in the file.
  const text = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
  const { path, marker, kind } = location;
  const start = marker === undefined ? 0 : afterMarker(text, marker, path);
  const candidates =
    kind === 'base64' ? base64Literals(text, start, path) : byteArrays(text, start, path);
  const found = candidates.next();
  if (found.done === true)
    throw new RebuildError(
      'module-not-found',
      `${path} holds no module as ${kind === 'base64' ? 'base64 text' : 'a byte array'}${marker === undefined ? '' : ` after ${JSON.stringify(marker)}`}`,
    );
  if (marker === undefined && candidates.next().done !== true)
    throw new RebuildError(
      'module-ambiguous',
      `${path} holds several modules: say with a marker which one is meant`,
    );
  return checkModule(found.value, path);
}

function checkModule(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length > MAX_MODULE_BYTES)
    throw new RebuildError(
      'module-malformed',
      `the module in ${path} exceeds ${MAX_MODULE_BYTES} bytes`,
    );
  if (!PREAMBLES.includes(Buffer.from(bytes.subarray(0, 8)).toString('hex')))
    throw new RebuildError(
      'module-malformed',
      `what lies in ${path} begins like no WebAssembly module or component`,
    );
  return bytes;
}

/** The marker must be unique, or another place in the file could be the one that runs. */
function afterMarker(text: string, marker: string, path: string): number {
  const needle = Buffer.from(marker, 'utf8').toString('latin1');
  const first = text.indexOf(needle);
  if (first < 0)
    throw new RebuildError('module-not-found', `${path} does not hold ${JSON.stringify(marker)}`);
  if (text.includes(needle, first + 1))
    throw new RebuildError(
      'module-ambiguous',
      `${path} holds ${JSON.stringify(marker)} more than once: choose a marker that is unique`,
    );
  return first + needle.length;
}

function* base64Literals(text: string, start: number, path: string): Generator<Uint8Array> {
  for (
    let at = text.indexOf(BASE64_START, start);
    at >= 0;
    at = text.indexOf(BASE64_START, at + 1)
  ) {
    const quote = text[at - 1] ?? '';
    if (at - 1 < start || !QUOTES.includes(quote)) continue;
    const end = text.indexOf(quote, at);
    if (end < 0) return;
    yield decodeBase64(text.slice(at, end), path);
    at = end;
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

/** `[0, 97, 115, 109, …]`, decimal or hexadecimal. */
function* byteArrays(text: string, start: number, path: string): Generator<Uint8Array> {
  const opening = /\[\s*(?:0|0x0{1,2})\s*,\s*(?:97|0x61)\s*,\s*(?:115|0x73)\s*,/gi;
  opening.lastIndex = start;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const end = text.indexOf(']', match.index);
    if (end < 0) return;
    yield readNumbers(text.slice(match.index + 1, end), path);
    opening.lastIndex = end;
  }
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
