import { publicKeyFromSpki, type SignatureVerifier } from '@touchstone/note';
import { HASHES } from './algorithms.js';
import { verifyDigest } from './verify-digest.js';
import type { ReadVerifier } from './verifier.js';

/**
 * Whether `signature` over the whole `message` verifies. The two algorithms that Touchstone signs
 * with go through the platform's verifier, the others through {@link verifyDigest}.
 */
export async function verifyMessage(
  { key, algorithm, spki }: ReadVerifier,
  message: Uint8Array,
  signature: Uint8Array,
  verify: SignatureVerifier,
): Promise<boolean> {
  const { hash, keyDetails } = algorithm;
  if (hash === undefined || keyDetails === 'PKIX_ECDSA_P256_SHA_256') {
    return verify(publicKeyFromSpki(spki), message, signature);
  }
  return verifyDigest(key, algorithm, HASHES[hash].digest(message), signature);
}
