import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { rawPublicKey } from './public-key.js';
import type { SignatureAlgorithm, SignatureVerifier } from './signature.js';

type Verify = (raw: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const ALGORITHMS: Readonly<Record<SignatureAlgorithm, Verify>> = {
  ed25519: verifyEd25519,
  'ecdsa-p256-sha256': (raw, message, signature) =>
    // ECDSA is malleable by design (s and n - s both hold); OpenSSL, chips and Sigstore take
    // either, so lowS would refuse signatures that everybody else accepts.
    p256.verify(signature, message, raw, { prehash: true, lowS: false, format: 'der' }),
};

/**
 * Verifies in pure JavaScript, anywhere, at about a tenth of the speed of node:crypto and with
 * the same answers. See SignatureVerifier.
 */
export const nobleVerifier: SignatureVerifier = (key, message, signature) => {
  try {
    return ALGORITHMS[key.algorithm](rawPublicKey(key), message, signature);
  } catch {
    // A key or signature that cannot be decoded verifies nothing.
    return false;
  }
};

const SIGNATURE_SIZE = 64;

/**
 * RFC 8032 section 5.1.7 with the equation [S]B = R + [k]A, not multiplied by the cofactor, and
 * R compared as bytes. The RFC allows both equations, but OpenSSL and BoringSSL use this one; with
 * the other, a signer could make signatures that browsers accept and services refuse.
 */
function verifyEd25519(raw: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_SIZE) return false;
  const { Point } = ed25519;
  const r = signature.subarray(0, 32);
  const s = bytesToNumberLE(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  const a = Point.fromBytes(raw);
  const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(r, raw, message))));
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes();
  return expected.every((byte, i) => byte === r[i]);
}
