import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { equalBytes } from '../bytes.js';
import { AttestError } from '../errors.js';
import { CBOR_LIMITS, cborItemLength, type CborLimits } from './item.js';
import { decodePlain } from './plain.js';

/** What our formats are made of. Maps are read as `Map`, so that no key is a property by accident. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<string | number, CborValue>
  | { readonly [key: string]: CborValue };

/**
 * RFC 8949 section 4.2.1, core deterministic encoding: one value, one sequence of bytes.
 * Numbers are safe integers or floating-point numbers, objects are maps with text keys.
 *
 * @throws AttestError `cbor-not-representable`
 */
export function encodeCbor(value: CborValue): Uint8Array {
  try {
    return new Uint8Array(encode(value, rfc8949EncodeOptions));
  } catch (cause) {
    throw new AttestError('cbor-not-representable', 'the value has no CBOR encoding', { cause });
  }
}

/**
 * Reads one data item that fills `bytes`. What is not its own deterministic encoding is refused:
 * unsorted or repeated keys, indefinite lengths, heads longer than they need be, bytes after it.
 * Byte strings may be views of `bytes`.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit`
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = CBOR_LIMITS): CborValue {
  if (cborItemLength(bytes, 0, limits) !== bytes.length) {
    throw new AttestError('cbor-malformed', 'the bytes are not exactly one CBOR data item');
  }
  const plain = decodePlain(bytes);
  if (plain !== undefined) return plain;
  let value: CborValue;
  let again: Uint8Array;
  try {
    value = decode(bytes, DECODE_OPTIONS) as CborValue;
    // Fails for what no format of ours has, such as a map whose keys are arrays.
    again = encodeCbor(value);
  } catch (cause) {
    throw new AttestError('cbor-malformed', `no CBOR: ${reason(cause)}`, { cause });
  }
  if (!equalBytes(again, bytes)) {
    throw new AttestError(
      'cbor-malformed',
      'the CBOR is not in its deterministic encoding (RFC 8949 section 4.2.1)',
    );
  }
  return value;
}

const DECODE_OPTIONS = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
} as const;

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'unreadable';
}
