import { AttestError } from '../errors.js';

/** One element of DER (ITU-T X.690 section 8), with its bytes as they were encoded. */
export interface DerElement {
  /** The identifier octet; tags of more than one octet are refused. */
  readonly tag: number;
  readonly body: Uint8Array;
  readonly raw: Uint8Array;
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
} as const;

const MAX_ELEMENTS = 1024;

/**
 * Reads the one element that fills `bytes`. Lengths must be definite and in their shortest form
 * (X.690 section 10.1), so that no element has a second encoding.
 *
 * @throws AttestError `der-malformed`
 */
export function readDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.raw.length !== bytes.length) malformed('bytes follow the element');
  return element;
}

/** The elements inside a constructed one. @throws AttestError `der-malformed` */
export function derChildren({ body }: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < body.length;) {
    const child = elementAt(body, at);
    at += child.raw.length;
    if (children.push(child) > MAX_ELEMENTS) malformed(`more than ${MAX_ELEMENTS} elements`);
  }
  return children;
}

/** `element`, which must be there and have this tag. @throws AttestError `der-malformed` */
export function expectDer(element: DerElement | undefined, tag: number, what: string): DerElement {
  if (element?.tag !== tag) return malformed(`${what} has another tag, or is missing`);
  return element;
}

/** The bits of a BIT STRING that ends on a whole byte. @throws AttestError `der-malformed` */
export function derBits(element: DerElement | undefined, what: string): Uint8Array {
  const { body } = expectDer(element, DER.bitString, what);
  if (body[0] !== 0) malformed(`${what} does not end on a whole byte`);
  return body.subarray(1);
}

/** A positive INTEGER, big-endian without its sign byte. @throws AttestError `der-malformed` */
export function derPositive(element: DerElement | undefined, what: string): Uint8Array {
  const { body } = expectDer(element, DER.integer, what);
  const [first = 0x80, second = 0] = body;
  const padded = first === 0 && (body.length === 1 || second < 0x80);
  if (first >= 0x80 || padded) malformed(`${what} is no positive integer in its shortest form`);
  return first === 0 ? body.subarray(1) : body;
}

function elementAt(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return malformed('it ends inside an element');
  if ((tag & 0x1f) === 0x1f) malformed('a tag of more than one byte');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count < 1 || count > 3) malformed('a length that is indefinite or over 16 MiB');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1))
      malformed('a length not in its shortest form');
    start += count;
  }
  if (start + length > bytes.length) malformed('it ends inside an element');
  return {
    tag,
    body: bytes.subarray(start, start + length),
    raw: bytes.subarray(at, start + length),
  };
}

function malformed(detail: string): never {
  throw new AttestError('der-malformed', `the DER is malformed: ${detail}`);
}
