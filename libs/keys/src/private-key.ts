import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import {
  publicKeyFromSpki,
  type PublicKey,
  type SignatureAlgorithm,
  type Signer,
} from '@touchstone/note';
import { KeyError } from './errors.js';
import { nodeVerifier } from './node-verifier.js';

/** A private key held by node:crypto. It shows itself only through toPem. */
export interface PrivateKey extends Signer {
  sign(message: Uint8Array): Uint8Array;
  /** PKCS#8 PEM (RFC 7468 section 10), not encrypted. */
  toPem(): string;
}

/** A new key from the system's source of randomness. */
export function generateKey(algorithm: SignatureAlgorithm): PrivateKey {
  const { privateKey } =
    algorithm === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new NodePrivateKey(privateKey);
}

/**
 * Reads one PKCS#8 PEM block with an Ed25519 or P-256 key.
 *
 * @throws KeyError `key-encrypted`, `key-malformed`, `key-unsupported`, `key-inconsistent`
 */
export function privateKeyFromPem(pem: string): PrivateKey {
  const label = /^\s*-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1];
  if (label === 'ENCRYPTED PRIVATE KEY') {
    throw new KeyError(
      'key-encrypted',
      'the private key is encrypted; decrypt it with `openssl pkcs8 -in FILE -out NEW`',
    );
  }
  if (label !== 'PRIVATE KEY' || pem.split('-----BEGIN').length !== 2) {
    throw new KeyError(
      'key-malformed',
      'the private key is not a single PKCS#8 PEM block; ' +
        'convert it with `openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW`',
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // The cause is left out: nothing promises that it quotes no part of its input.
    throw new KeyError('key-malformed', 'the private key is not valid PKCS#8');
  }
  return new NodePrivateKey(key);
}

class NodePrivateKey implements PrivateKey {
  readonly publicKey: PublicKey;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    const supported =
      key.asymmetricKeyType === 'ed25519' ||
      (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1');
    if (!supported) {
      throw new KeyError('key-unsupported', 'the private key is neither Ed25519 nor P-256');
    }
    this.#key = key;
    this.publicKey = publicKeyOf(key);
    // PKCS#8 may carry a public key of its own choice: signing under a wrong one can give an
    // Ed25519 private key away, and nobody could verify what it signs.
    const probe = Uint8Array.of(0);
    if (!nodeVerifier(this.publicKey, probe, this.sign(probe))) {
      throw new KeyError('key-inconsistent', 'the private key does not fit its public key');
    }
  }

  sign(message: Uint8Array): Uint8Array {
    const digest = this.publicKey.algorithm === 'ed25519' ? null : 'sha256';
    return new Uint8Array(sign(digest, message, { key: this.#key, dsaEncoding: 'der' }));
  }

  toPem(): string {
    return this.#key.export({ format: 'pem', type: 'pkcs8' }).toString();
  }
}

function publicKeyOf(key: KeyObject): PublicKey {
  try {
    return publicKeyFromSpki(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  } catch {
    throw new KeyError('key-malformed', 'the private key has no valid public key');
  }
}
