import { p256 } from '@noble/curves/nist.js';
import { concatBytes } from '@noble/hashes/utils.js';

/** P-256 as the chip speaks of it: keys are X‖Y, signatures r‖s, messages 32-byte digests. */

const OPTIONS = { prehash: false, lowS: false, format: 'compact' } as const;

/** X‖Y of a private key of 32 bytes. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return p256.getPublicKey(privateKey, false).slice(1);
}

export function isPrivateKey(bytes: Uint8Array): boolean {
  return bytes.length === 32 && p256.utils.isValidSecretKey(bytes);
}

/** Whether X‖Y is a point of the curve. */
export function isPublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 64) return false;
  try {
    p256.Point.fromBytes(uncompressed(bytes)).assertValidity();
    return true;
  } catch {
    return false;
  }
}

/** r‖s over a digest; `entropy` (32 bytes) is mixed into RFC 6979's nonce. */
export function signDigest(
  digest: Uint8Array,
  privateKey: Uint8Array,
  entropy: Uint8Array,
): Uint8Array {
  return p256.sign(digest, privateKey, { ...OPTIONS, extraEntropy: entropy });
}

/** Never throws: what is no signature or no key verifies nothing. */
export function verifyDigest(
  signature: Uint8Array,
  digest: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  try {
    return p256.verify(signature, digest, uncompressed(publicKey), OPTIONS);
  } catch {
    return false;
  }
}

/** The X coordinate of the shared point. */
export function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return p256.getSharedSecret(privateKey, uncompressed(publicKey), false).slice(1, 33);
}

function uncompressed(publicKey: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(4), publicKey);
}
