import {
  fromBase64,
  publicKeyFromSpki,
  type PublicKey,
  type SignatureAlgorithm,
} from '@touchstone/note';
import { AttestError } from './errors.js';

const KEY_DETAILS: Readonly<Record<SignatureAlgorithm, string>> = {
  ed25519: 'PKIX_ED25519',
  'ecdsa-p256-sha256': 'PKIX_ECDSA_P256_SHA_256',
};

/** The name of a key's algorithm in log entries; sigstore protobuf-specs, `PublicKeyDetails`. */
export function keyDetails(algorithm: SignatureAlgorithm): string {
  return KEY_DETAILS[algorithm];
}

/**
 * A public key from the base64 of its DER SubjectPublicKeyInfo, which must be of `algorithm`.
 *
 * @throws AttestError `public-key-malformed`
 */
export function publicKeyFromBase64(algorithm: SignatureAlgorithm, spki: string): PublicKey {
  let key: PublicKey;
  try {
    key = publicKeyFromSpki(fromBase64(spki));
  } catch (cause) {
    throw new AttestError('public-key-malformed', 'spki is no base64 of a supported public key', {
      cause,
    });
  }
  if (key.algorithm !== algorithm) {
    throw new AttestError('public-key-malformed', `spki is a key of ${key.algorithm}`);
  }
  return key;
}
