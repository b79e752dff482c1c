import { AttestError } from './errors.js';

/** Deepest nesting of arrays and objects that is encoded or read. */
export const MAX_JSON_DEPTH = 64;

/** A surrogate that is not half of a pair: such a string has no UTF-8 form. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Any surrogate at all: seldom there, and found far faster than what is not half of a pair. */
const SURROGATE = /[\ud800-\udfff]/;

/**
 * The canonical JSON text of a value, after RFC 8785 (JCS): no white space, keys sorted by UTF-16
 * code units, numbers and strings as ECMAScript writes them.
 *
 * Only what JSON can hold is accepted: null, booleans, finite numbers, well-formed strings, arrays
 * without holes, and plain objects. An `undefined` property is refused rather than left out, so
 * that two values with the same text have the same keys.
 *
 * @throws AttestError `json-not-representable` or `json-too-deep`
 */
export function canonicalJson(value: unknown): string {
  return encode(value, 0);
}

/**
 * Whether a JSON text that was read is the canonical one of its value. What ECMAScript writes is
 * canonical when the keys are sorted, so most texts are not encoded a second time.
 *
 * @param compact the text is what `JSON.stringify` makes of the value
 * @throws AttestError as {@link canonicalJson}
 */
export function isCanonicalJson({
  text,
  value,
  compact,
}: {
  readonly text: string;
  readonly value: unknown;
  readonly compact: boolean;
}): boolean {
  // An escape is how a lone surrogate is written; the encoder has the last word on those.
  if (compact && !text.includes('\\ud') && hasSortedKeys(value, 0)) return true;
  return canonicalJson(value) === text;
}

function hasSortedKeys(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= MAX_JSON_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => hasSortedKeys(item, depth + 1));
  let last: string | undefined;
  for (const [key, member] of Object.entries(value)) {
    if (last !== undefined && last >= key) return false;
    if (!hasSortedKeys(member, depth + 1)) return false;
    last = key;
  }
  return true;
}

function encode(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return encodeNumber(value);
    case 'string':
      return encodeString(value);
    case 'object':
      break;
    default:
      throw unrepresentable(`a value of type ${typeof value}`);
  }
  if (value === null) return 'null';
  if (depth >= MAX_JSON_DEPTH) {
    throw new AttestError(
      'json-too-deep',
      `JSON is nested deeper than ${MAX_JSON_DEPTH} levels; flatten it`,
    );
  }
  return Array.isArray(value) ? encodeArray(value, depth + 1) : encodeObject(value, depth + 1);
}

function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) throw unrepresentable(`the number ${value}`);
  // RFC 8785 section 3.2.2.3 is ECMAScript's own algorithm; -0 becomes 0.
  return JSON.stringify(value);
}

function encodeString(value: string): string {
  if (SURROGATE.test(value) && LONE_SURROGATE.test(value))
    throw unrepresentable('a string with a lone surrogate');
  return JSON.stringify(value);
}

function encodeArray(value: readonly unknown[], depth: number): string {
  // A hole reads as undefined and is refused below; `map` would skip it.
  return `[${Array.from(value, (item) => encode(item, depth)).join(',')}]`;
}

function encodeObject(value: object, depth: number): string {
  if (!isPlainObject(value)) {
    throw unrepresentable('an object that is neither plain nor an array');
  }
  const members = Object.keys(value)
    .sort()
    .map((key) => `${encodeString(key)}:${encode(value[key], depth)}`);
  return `{${members.join(',')}}`;
}

/** Whether `value` is an object as a literal or JSON.parse makes it, of whatever realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unrepresentable(what: string): AttestError {
  return new AttestError(
    'json-not-representable',
    `canonical JSON cannot hold ${what}; leave it out or write it as a string`,
  );
}
