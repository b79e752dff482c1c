import { decodeCbor, encodeCbor, type CborValue } from '../cbor/cbor.js';
import { CBOR_LIMITS } from '../cbor/item.js';
import { AttestError } from '../errors.js';
import { MAX_PAYLOAD_BYTES } from '../statement.js';

export const CBOR_STATEMENT_TYPE = 'application/vnd.in-toto+cbor';

/** Header parameters (RFC 9052 section 3.1). */
export const HEADER = { algorithm: 1, contentType: 3, keyId: 4 } as const;

export const COSE_LIMITS = {
  ...CBOR_LIMITS,
  ...{ bytes: MAX_PAYLOAD_BYTES + 65_536, depth: 4, items: 256 },
};

const CONTEXT = 'Signature';
/** An array of five whose first item is that text. */
const PREFIX = encodeCbor([CONTEXT, 0, 0, 0, 0]).subarray(0, 2 + CONTEXT.length);

/**
 * What one signature of COSE_Sign is over: Sig_structure (RFC 9052 section 4.4), without external
 * data.
 */
export function sigStructure(
  body: Uint8Array,
  header: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encodeCbor([CONTEXT, body, header, new Uint8Array(), payload]);
}

/** The payload of a Sig_structure over a statement in CBOR; undefined when the bytes are none. */
export function parseSigStructure(bytes: Uint8Array): Uint8Array | undefined {
  if (!PREFIX.every((byte, at) => bytes[at] === byte)) return undefined;
  try {
    const parts = decodeCbor(bytes, COSE_LIMITS) as readonly CborValue[];
    const [, body, header, external, payload] = parts;
    if (!(body instanceof Uint8Array) || !(header instanceof Uint8Array)) return undefined;
    if (!(external instanceof Uint8Array) || external.length > 0) return undefined;
    if (!(payload instanceof Uint8Array)) return undefined;
    const fields = decodeCbor(body, COSE_LIMITS);
    const type = fields instanceof Map ? (fields.get(HEADER.contentType) as CborValue) : undefined;
    return type === CBOR_STATEMENT_TYPE ? payload : undefined;
  } catch (cause) {
    if (cause instanceof AttestError) return undefined;
    throw cause;
  }
}
