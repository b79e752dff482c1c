import { p256, p384, p521 } from '@noble/curves/nist.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { publicKeyFromSpki, rawPublicKey, type PublicKey } from '@touchstone/note';
import { AttestError } from '../errors.js';
import { DER, derBits, derChildren, derPositive, expectDer, readDer } from './der.js';
import { Remembered } from './remembered.js';

export type EcdsaCurve = 'P-256' | 'P-384' | 'P-521';

/** A public key of any kind that a log entry may name, taken out of its SubjectPublicKeyInfo. */
export type EntryKey =
  | {
      readonly type: 'ecdsa';
      readonly curve: EcdsaCurve;
      readonly point: Uint8Array;
      /** The key for the platform's verifier, which knows P-256 and Ed25519. */
      readonly platform?: PublicKey;
    }
  | { readonly type: 'ed25519'; readonly raw: Uint8Array; readonly platform: PublicKey }
  | { readonly type: 'rsa'; readonly bits: number; readonly n: bigint; readonly e: bigint };

export const CURVES = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const;

const EC_PUBLIC_KEY = '2a8648ce3d0201';
const RSA_ENCRYPTION = '2a864886f70d010101';
const ED25519 = '2b6570';
const CURVE_OIDS: Readonly<Record<string, EcdsaCurve>> = {
  '2a8648ce3d030107': 'P-256',
  '2b81040022': 'P-384',
  '2b81040023': 'P-521',
};
/** Bytes of a coordinate. */
const COORDINATES = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const;

/** The largest SubjectPublicKeyInfo that is read: RSA of 4096 bits takes 550 bytes. */
export const MAX_SPKI_BYTES = 1024;

/** Writers are few, and reading a key costs as much as a signature. */
const known = new Remembered<EntryKey>(1024);

/**
 * Reads a DER SubjectPublicKeyInfo (RFC 5280 section 4.1) of ECDSA (RFC 5480, named curve and
 * uncompressed point), Ed25519 (RFC 8410) or RSA (RFC 8017 appendix A.1.1).
 *
 * @throws AttestError `public-key-malformed`
 */
export function readSpki(spki: Uint8Array): EntryKey {
  return known.get(bytesToHex(spki), () => parseSpki(spki));
}

function parseSpki(spki: Uint8Array): EntryKey {
  try {
    if (spki.length > MAX_SPKI_BYTES) throw new Error(`it has more than ${MAX_SPKI_BYTES} bytes`);
    const [algorithm, bits, ...rest] = derChildren(expectDer(readDer(spki), DER.sequence, 'it'));
    if (rest.length > 0) throw new Error('it has more parts than two');
    const [oid, parameters, ...more] = derChildren(expectDer(algorithm, DER.sequence, 'algorithm'));
    if (more.length > 0) throw new Error('its algorithm has more parts than two');
    const name = bytesToHex(expectDer(oid, DER.oid, 'algorithm').body);
    const key = derBits(bits, 'subjectPublicKey');
    if (name === EC_PUBLIC_KEY) {
      const curve = bytesToHex(expectDer(parameters, DER.oid, 'named curve').body);
      return ecdsaKey(curve, key, spki);
    }
    if (name === RSA_ENCRYPTION) {
      if (expectDer(parameters, DER.null, 'parameters').body.length > 0)
        throw new Error('not NULL');
      return rsaKey(key);
    }
    if (name !== ED25519) throw new Error('its algorithm is neither ECDSA, Ed25519 nor RSA');
    const platform = publicKeyFromSpki(spki);
    return { type: 'ed25519', raw: rawPublicKey(platform), platform };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttestError(
      'public-key-malformed',
      `the public key is no usable DER SubjectPublicKeyInfo: ${why}`,
      { cause },
    );
  }
}

function ecdsaKey(oid: string, point: Uint8Array, spki: Uint8Array): EntryKey {
  const curve = CURVE_OIDS[oid];
  if (curve === undefined) throw new Error('its curve is none of P-256, P-384 and P-521');
  if (point.length !== 1 + 2 * COORDINATES[curve] || point[0] !== 0x04) {
    throw new Error('its point is not in uncompressed form');
  }
  CURVES[curve].Point.fromBytes(point).assertValidity();
  const key = { type: 'ecdsa', curve, point: new Uint8Array(point) } as const;
  return curve === 'P-256' ? { ...key, platform: publicKeyFromSpki(spki) } : key;
}

function rsaKey(bytes: Uint8Array): EntryKey {
  const [n, e, ...rest] = derChildren(expectDer(readDer(bytes), DER.sequence, 'RSAPublicKey'));
  if (rest.length > 0) throw new Error('RSAPublicKey has more parts than two');
  const modulus = bytesToInteger(derPositive(n, 'modulus'));
  const exponent = bytesToInteger(derPositive(e, 'publicExponent'));
  // Verification costs grow with the exponent; what is in use is 65537, now and then 3.
  if (exponent < 3n || exponent > 0xffff_ffffn || exponent % 2n === 0n || modulus % 2n === 0n) {
    throw new Error('its modulus or exponent is out of range');
  }
  return { type: 'rsa', bits: modulus.toString(2).length, n: modulus, e: exponent };
}

export function bytesToInteger(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytesToHex(bytes)}`);
}
