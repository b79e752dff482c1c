import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import {
  ecdsaDerFromRaw,
  ecdsaRawFromDer,
  keyId,
  type PublicKey,
  type SignatureAlgorithm,
  type SignatureVerifier,
  type Signer,
} from '@touchstone/note';
import { decodeCbor, encodeCbor, type CborValue } from '../cbor/cbor.js';
import { AttestError } from '../errors.js';
import type { Statement } from '../statement.js';
import { encodeCborStatement, parseCborStatement } from './cbor-statement.js';
import { CBOR_STATEMENT_TYPE, COSE_LIMITS, HEADER, sigStructure } from './sig-structure.js';

/** Tag 98, COSE_Sign (RFC 9052 section 2), as its head is written. */
const TAG = Uint8Array.of(0xd8, 0x62);

/** RFC 9053 section 2: EdDSA, and ES256 whose signatures are r ‖ s. */
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, number>> = {
  ed25519: -8,
  'ecdsa-p256-sha256': -7,
};

const MAX_SIGNATURES = 16;

/** What is left of an envelope once its signatures were checked: trust nothing else of it. */
export interface VerifiedCose {
  readonly statement: Statement;
  readonly payload: Uint8Array;
  /** The keys that signed, in the order of the envelope; every signature is by one of them. */
  readonly signers: readonly PublicKey[];
  /** What each of them signed, and how, in the same order. */
  readonly signatures: readonly CoseSignature[];
}

/** One signature of an envelope, verified. */
export interface CoseSignature {
  readonly signer: PublicKey;
  /** Sig_structure, the bytes that are signed. */
  readonly message: Uint8Array;
  /** As verifiers take it: ECDSA in DER. */
  readonly signature: Uint8Array;
}

/** Whether bytes begin as an envelope of {@link signCose} does. */
export function isCose(bytes: Uint8Array): boolean {
  return TAG.every((byte, position) => bytes[position] === byte);
}

/**
 * Signs a statement in CBOR, by each signer once (RFC 9052 section 4.1, COSE_Sign). Algorithm and
 * key id are protected, unprotected headers stay empty, nothing is detached.
 *
 * @throws AttestError of {@link encodeCborStatement}
 */
export async function signCose(
  statement: Statement,
  signers: readonly Signer[],
): Promise<Uint8Array> {
  const payload = encodeCborStatement(statement);
  parseCborStatement(payload);
  const body = encodeCbor(new Map([[HEADER.contentType, CBOR_STATEMENT_TYPE]]));
  const signatures: CborValue[] = [];
  for (const signer of signers) {
    const { publicKey } = signer;
    const header = signerHeader(publicKey);
    const signature = await signer.sign(sigStructure(body, header, payload));
    signatures.push([header, new Map(), toRaw(publicKey, signature)]);
  }
  return concatBytes(TAG, encodeCbor([body, new Map(), payload, signatures]));
}

/**
 * Checks an envelope of {@link signCose}: every signature must be by a key that is given, no key
 * may sign twice, and the payload must be a statement in deterministic CBOR.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit`, `cose-malformed`, `cose-content-type`,
 * `algorithm-unsupported`, `signer-unknown`, `cose-signature`, `statement-malformed`
 */
export async function verifyCose(
  envelope: Uint8Array,
  publicKeys: readonly PublicKey[],
  verify: SignatureVerifier,
): Promise<VerifiedCose> {
  const { body, payload, signatures } = parseCose(envelope);
  const known = new Map(publicKeys.map((key) => [keyId(key), key]));
  const verified: CoseSignature[] = [];
  for (const { header, id, algorithm, signature } of signatures) {
    const key = known.get(id);
    if (key === undefined) {
      throw new AttestError(
        'signer-unknown',
        `the envelope is signed by ${id}, which is not known`,
      );
    }
    if (ALGORITHMS[key.algorithm] !== algorithm) {
      const message = `algorithm ${algorithm} is not that of the key ${id}`;
      throw new AttestError('algorithm-unsupported', message);
    }
    if (verified.some(({ signer }) => signer === key)) malformed(`${id} signs twice`);
    const form = key.algorithm === 'ed25519' ? signature : ecdsaDerFromRaw(signature);
    const message = sigStructure(body, header, payload);
    if (form === undefined || !(await verify(key, message, form))) {
      throw new AttestError('cose-signature', `the signature by ${id} does not verify`);
    }
    verified.push({ signer: key, message, signature: form });
  }
  const signers = verified.map(({ signer }) => signer);
  return { statement: parseCborStatement(payload), payload, signers, signatures: verified };
}

interface ParsedSignature {
  readonly header: Uint8Array;
  readonly algorithm: number;
  readonly id: string;
  readonly signature: Uint8Array;
}

function parseCose(envelope: Uint8Array): {
  body: Uint8Array;
  payload: Uint8Array;
  signatures: ParsedSignature[];
} {
  if (!isCose(envelope)) malformed('it is not tagged as COSE_Sign');
  const parts = arrayOf(decodeCbor(envelope.subarray(TAG.length), COSE_LIMITS), 4, 'COSE_Sign');
  const [body, payload] = [bytesOf(parts[0], 'the header'), bytesOf(parts[2], 'the payload')];
  checkEmpty(parts[1]);
  const header = headerOf(body);
  if (header.size !== 1 || header.get(HEADER.contentType) !== CBOR_STATEMENT_TYPE) {
    throw new AttestError('cose-content-type', `the envelope does not hold ${CBOR_STATEMENT_TYPE}`);
  }
  const list = parts[3];
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SIGNATURES) {
    return malformed(`it carries not 1 to ${MAX_SIGNATURES} signatures`);
  }
  return { body, payload, signatures: list.map((item: CborValue) => parseSignature(item)) };
}

function parseSignature(item: CborValue): ParsedSignature {
  const parts = arrayOf(item, 3, 'COSE_Signature');
  const header = bytesOf(parts[0], 'the header of a signature');
  checkEmpty(parts[1]);
  const fields = headerOf(header);
  const [algorithm, id] = [fields.get(HEADER.algorithm), fields.get(HEADER.keyId)];
  // Whatever else a header held, `crit` among it, would have to be understood.
  if (fields.size !== 2 || typeof algorithm !== 'number' || !(id instanceof Uint8Array)) {
    return malformed('the header of a signature is not algorithm and key id');
  }
  const signature = bytesOf(parts[2], 'a signature');
  return { header, algorithm, id: bytesToHex(id), signature };
}

function signerHeader(key: PublicKey): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [HEADER.algorithm, ALGORITHMS[key.algorithm]],
      [HEADER.keyId, hexToBytes(keyId(key))],
    ]),
  );
}

function toRaw({ algorithm }: PublicKey, signature: Uint8Array): Uint8Array {
  const raw = algorithm === 'ed25519' ? signature : ecdsaRawFromDer(signature);
  return raw ?? malformed('the signer gave no signature in DER');
}

function headerOf(bytes: Uint8Array): ReadonlyMap<unknown, CborValue> {
  const value = decodeCbor(bytes, COSE_LIMITS);
  return value instanceof Map ? value : malformed('a header is no map');
}

function checkEmpty(value: CborValue | undefined): void {
  if (!(value instanceof Map) || value.size > 0) malformed('an unprotected header is not empty');
}

function arrayOf(value: CborValue, length: number, what: string): readonly CborValue[] {
  if (Array.isArray(value) && value.length === length) return value as readonly CborValue[];
  return malformed(`${what} is no array of ${length}`);
}

function bytesOf(value: CborValue | undefined, what: string): Uint8Array {
  return value instanceof Uint8Array ? value : malformed(`${what} is no byte string`);
}

function malformed(why: string): never {
  throw new AttestError('cose-malformed', `no usable COSE_Sign: ${why}`);
}
