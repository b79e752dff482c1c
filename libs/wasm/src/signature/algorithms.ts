import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import {
  ecdsaDerFromRaw,
  ecdsaRawFromDer,
  rawPublicKey,
  type PublicKey,
  type SignatureAlgorithm,
} from '@touchstone/note';

/**
 * Identifiers of signature algorithms. Ed25519 is that of tool-conventions, Signatures.md, which
 * lets implementations add to it; P-256 is ours. Its signatures are r ‖ s of 64 bytes over SHA-256,
 * which is what an ATECC608 gives.
 */
const IDS: Readonly<Record<SignatureAlgorithm, number>> = {
  ed25519: 0x01,
  'ecdsa-p256-sha256': 0x02,
};

/** Of both algorithms, in bytes. */
const SIGNATURE_SIZE = 64;

const DEFAULT_KEY_ID_SIZE = 12;

export function algorithmId(algorithm: SignatureAlgorithm): number {
  return IDS[algorithm];
}

export function algorithmOf(id: number): SignatureAlgorithm | undefined {
  return (Object.keys(IDS) as SignatureAlgorithm[]).find((name) => IDS[name] === id);
}

/** What a verifier takes; undefined when the bytes are no signature of that algorithm. */
export function toVerifierForm(
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array | undefined {
  if (signature.length !== SIGNATURE_SIZE) return undefined;
  return algorithm === 'ed25519' ? signature : ecdsaDerFromRaw(signature);
}

/** What stands in the section of what a `Signer` gave. */
export function toSectionForm(
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array | undefined {
  return algorithm === 'ed25519' ? signature : ecdsaRawFromDer(signature);
}

/** The key's name as wasmsign2 derives it: HMAC-SHA256 of `key_id` under the raw key, cut to 12 bytes. */
export function defaultKeyId(key: PublicKey): Uint8Array {
  return hmac(sha256, rawPublicKey(key), utf8ToBytes('key_id')).slice(0, DEFAULT_KEY_ID_SIZE);
}
