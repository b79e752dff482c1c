import { canonicalJson, MAX_JSON_DEPTH } from '../canonical-json.js';
import { decodeCbor, encodeCbor, type CborValue } from '../cbor/cbor.js';
import { CBOR_LIMITS } from '../cbor/item.js';
import { AttestError } from '../errors.js';
import { parseBy } from '../json.js';
import { MAX_PAYLOAD_BYTES, Statement } from '../statement.js';

const LIMITS = { ...CBOR_LIMITS, bytes: MAX_PAYLOAD_BYTES, depth: MAX_JSON_DEPTH };

/**
 * A statement in CBOR (`application/vnd.in-toto+cbor`): the data of its canonical JSON, nothing
 * more and nothing less, in deterministic encoding. So a statement has one form of each kind, and
 * either says the same.
 *
 * @throws AttestError of `canonicalJson`, `cbor-not-representable`, `dsse-payload-too-large`
 */
export function encodeCborStatement(statement: Statement): Uint8Array {
  const payload = encodeCbor(JSON.parse(canonicalJson(statement)) as CborValue);
  if (payload.length <= MAX_PAYLOAD_BYTES) return payload;
  const message = `payload of ${payload.length} bytes is over the limit of ${MAX_PAYLOAD_BYTES}`;
  throw new AttestError('dsse-payload-too-large', message);
}

/**
 * Reads a statement in CBOR. Unsorted or repeated keys and indefinite lengths are refused, and so
 * is what JSON cannot say: byte strings, keys that are no text, integers that are not safe.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit`, `statement-malformed`
 */
export function parseCborStatement(payload: Uint8Array): Statement {
  const value = readCborAsJson(payload);
  return parseBy(Statement, value, 'statement-malformed', 'statement');
}

/**
 * What CBOR says, as JSON would say it.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit`, `statement-malformed` for what JSON cannot say
 */
export function readCborAsJson(payload: Uint8Array): unknown {
  return toJson(decodeCbor(payload, LIMITS));
}

function toJson(value: CborValue): unknown {
  if (Array.isArray(value)) return value.map((item: CborValue) => toJson(item));
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<unknown, CborValue>)].map(([key, item]) => {
      if (typeof key === 'string' && key !== '__proto__') return [key, toJson(item)] as const;
      throw unsayable(`the key ${String(key)}`);
    });
    return Object.fromEntries(entries);
  }
  if (value instanceof Uint8Array) throw unsayable('a byte string');
  if (typeof value === 'bigint') throw unsayable(`the integer ${value}`);
  return value;
}

function unsayable(what: string): AttestError {
  return new AttestError(
    'statement-malformed',
    `a statement cannot hold ${what}; JSON has no such`,
  );
}
