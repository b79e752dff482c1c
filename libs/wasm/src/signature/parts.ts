import { sha256 } from '@noble/hashes/sha2.js';
import { PREAMBLE_SIZE } from '../component/preamble.js';
import type { Node } from '../component/component.js';
import { customSections, type CustomSection } from '../component/custom.js';
import { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import type { Span } from '../module.js';
import { MAX_PARTS } from './signature-data.js';

export const SIGNATURE_SECTION = 'signature';
export const DELIMITER_SECTION = 'signature_delimiter';
export const DELIMITER_SIZE = 16;

/** SHA-256 that can be asked on the way; services pass one of node:crypto. */
export interface RollingHash {
  update(data: Uint8Array): unknown;
  /** Of all that it was given so far; it can be given more. */
  digest(): Uint8Array;
}

/** Consecutive sections up to and with a delimiter, or up to the end of the binary. */
export interface SignedPart extends Span {
  /** First and last, as positions among the sections of the node. */
  readonly sections: readonly [number, number];
  /** SHA-256 of every byte from behind the signatures to the end of this part. */
  readonly hash: Uint8Array;
  readonly delimited: boolean;
}

export interface SignedParts {
  /** The section with the signatures. */
  readonly header: CustomSection | undefined;
  readonly preamble: Uint8Array;
  readonly parts: readonly SignedPart[];
}

/**
 * Divides one binary by its delimiters and hashes it once, from behind the `signature` section to
 * its end (tool-conventions, Signatures.md, "Parts and delimiters"). The bytes are taken as they
 * stand in the file; nothing is encoded anew.
 *
 * @throws WasmError `signature-misplaced`, `signature-doubled`, `leb-overlong` in the header of a
 * section of this format, `signature-malformed` for a delimiter that is not of 16 bytes,
 * `count-too-large`
 */
export function partsOf(
  bytes: Uint8Array,
  node: Node,
  hash: RollingHash = nobleHash(),
): SignedParts {
  const customs = customSections(bytes, node);
  const header = headerOf(bytes, node, customs);
  const delimiters = new Map(
    customs.filter(({ name }) => name === DELIMITER_SECTION).map((each) => [each.offset, each]),
  );
  const parts: SignedPart[] = [];
  const begin = header === undefined ? 0 : 1;
  let [first, offset] = [begin, bodyStart(node, header)];
  const close = (last: number, end: number, delimited: boolean): void => {
    if (parts.length === MAX_PARTS) {
      throw new WasmError('count-too-large', offset, `there are more than ${MAX_PARTS} parts`);
    }
    hash.update(bytes.subarray(offset, end));
    const size = end - offset;
    parts.push({ sections: [first, last], offset, size, hash: hash.digest(), delimited });
    [first, offset] = [last + 1, end];
  };
  for (const [index, section] of node.sections.entries()) {
    const delimiter = delimiters.get(section.offset);
    if (delimiter === undefined) continue;
    checkDelimiter(bytes, delimiter);
    close(index, delimiter.offset + delimiter.size, true);
  }
  const end = node.offset + node.size;
  if (offset < end || parts.length === 0) close(node.sections.length - 1, end, false);
  const preamble = bytes.slice(node.offset, node.offset + PREAMBLE_SIZE);
  return { header, preamble, parts };
}

function bodyStart(node: Node, header: CustomSection | undefined): number {
  return header === undefined ? node.offset + PREAMBLE_SIZE : header.offset + header.size;
}

function headerOf(
  bytes: Uint8Array,
  node: Node,
  customs: readonly CustomSection[],
): CustomSection | undefined {
  const [header, second] = customs.filter(({ name }) => name === SIGNATURE_SECTION);
  if (second !== undefined) {
    const message = `${node.path} has a second section ${SIGNATURE_SECTION}`;
    throw new WasmError('signature-doubled', second.offset, message);
  }
  if (header === undefined) return undefined;
  if (header.offset !== node.offset + PREAMBLE_SIZE) {
    const message = `the section ${SIGNATURE_SECTION} of ${node.path} is not its first`;
    throw new WasmError('signature-misplaced', header.offset, message);
  }
  checkShortest(bytes, header);
  return header;
}

function checkDelimiter(bytes: Uint8Array, delimiter: CustomSection): void {
  checkShortest(bytes, delimiter);
  if (delimiter.content.size === DELIMITER_SIZE) return;
  const message = `a delimiter holds ${delimiter.content.size} bytes, not ${DELIMITER_SIZE}`;
  throw new WasmError('signature-malformed', delimiter.content.offset, message);
}

/** Linkers pad sizes within modules; nothing that writes signatures does. */
function checkShortest(bytes: Uint8Array, { offset, size }: CustomSection): void {
  const cursor = new Cursor(bytes, offset + 1, offset + size, true);
  cursor.u32('the size of a section');
  cursor.u32('the length of the name of a section');
}

function nobleHash(): RollingHash {
  const hash = sha256.create();
  return {
    update: (data) => hash.update(data),
    digest: () => hash.clone().digest(),
  };
}
