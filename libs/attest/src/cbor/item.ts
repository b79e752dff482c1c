import { AttestError } from '../errors.js';

/** What one CBOR data item may need of its reader. */
export interface CborLimits {
  /** Encoded bytes of one item. */
  readonly bytes: number;
  /** Arrays, maps and tags within one another. */
  readonly depth: number;
  /** Data items inside of one item, keys of maps among them. */
  readonly items: number;
}

export const CBOR_LIMITS: CborLimits = { bytes: 4_194_304, depth: 32, items: 262_144 };

/**
 * How many bytes the data item at `offset` has, without making anything of it; undefined when the
 * bytes end before it does. Only what RFC 8949 section 4.2.1 (core deterministic encoding) lets
 * stand passes: definite lengths, and heads no longer than they need be. Whether keys are sorted
 * is for the decoder.
 *
 * It walks with a list of its own, so that no nesting exhausts the stack, and looks at no more
 * bytes than `limits.bytes`.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit`
 */
export function cborItemLength(
  bytes: Uint8Array,
  offset = 0,
  limits: CborLimits = CBOR_LIMITS,
): number | undefined {
  /** How many items are still to come at each level, outermost first. */
  const pending = [1];
  let at = offset;
  let items = 0;
  for (;;) {
    while (pending.at(-1) === 0) pending.pop();
    if (pending.length === 0) return at - offset;
    const head = readHead(bytes, at);
    if (head === undefined) {
      requireWithinLimit(bytes.length - offset, limits);
      return undefined;
    }
    pending[pending.length - 1] = (pending.at(-1) as number) - 1;
    at += head.length;
    if (++items > limits.items) throw overLimit(`more than ${limits.items} data items`);
    const inner = innerItems(head);
    if (inner > limits.items) throw overLimit(`more than ${limits.items} data items`);
    if (head.major === 2 || head.major === 3) at += head.value;
    if (at - offset > limits.bytes) throw overLimit(`more than ${limits.bytes} bytes`);
    if (at > bytes.length) return undefined;
    if (inner > 0) pending.push(inner);
    if (pending.length > limits.depth + 1) throw overLimit(`deeper than ${limits.depth} levels`);
  }
}

interface Head {
  /** 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7 simple and floating. */
  readonly major: number;
  readonly value: number;
  /** Of the head itself, 1 to 9 bytes. */
  readonly length: number;
}

/** RFC 8949 section 3: three bits of major type, five that are the argument or say how long it is. */
function readHead(bytes: Uint8Array, at: number): Head | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const major = first >> 5;
  const info = first & 0x1f;
  if (info < 24) return { major, value: info, length: 1 };
  if (info > 27) throw malformed(at, info === 31 ? 'an indefinite length' : 'a reserved head');
  const width = 2 ** (info - 24);
  if (at + 1 + width > bytes.length) return undefined;
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + 1 + i] as number);
  // What follows the head of major type 7 is a floating-point number and not a length.
  const shortest = major === 7 ? width > 1 || value >= 32 : value >= SMALLEST[width as 1];
  if (!shortest) throw malformed(at, 'a head longer than it need be');
  return { major, value, length: 1 + width };
}

const SMALLEST = { 1: 24, 2: 2 ** 8, 4: 2 ** 16, 8: 2 ** 32 } as const;

function innerItems({ major, value }: Head): number {
  if (major === 4) return value;
  if (major === 5) return value * 2;
  return major === 6 ? 1 : 0;
}

function requireWithinLimit(seen: number, limits: CborLimits): void {
  if (seen > limits.bytes) throw overLimit(`more than ${limits.bytes} bytes`);
}

function overLimit(what: string): AttestError {
  return new AttestError('cbor-limit', `the CBOR item has ${what}; it is refused unread`);
}

function malformed(at: number, what: string): AttestError {
  return new AttestError('cbor-malformed', `CBOR at byte ${at} has ${what}`);
}
