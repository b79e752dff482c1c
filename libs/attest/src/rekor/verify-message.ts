import type { SignatureVerifier } from '@touchstone/note';
import { HASHES } from './algorithms.js';
import { verifyDigest, type PointCheck } from './verify-digest.js';
import type { ReadVerifier } from './verifier.js';

/**
 * Whether `signature` over the whole `message` verifies. The two algorithms that Touchstone signs
 * with go through the platform's verifier, the others through {@link verifyDigest}.
 */
export async function verifyMessage(
  { key, algorithm }: Pick<ReadVerifier, 'key' | 'algorithm'>,
  message: Uint8Array,
  signature: Uint8Array,
  verify: SignatureVerifier,
  check?: PointCheck,
): Promise<boolean> {
  const { hash, scheme } = algorithm;
  const platform = key.type !== 'rsa' && scheme !== 'ed25519ph' ? key.platform : undefined;
  if (platform) return verify(platform, message, signature);
  if (hash === undefined) return false;
  return verifyDigest(key, algorithm, HASHES[hash].digest(message), signature, check);
}
