import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import type { SignatureAlgorithm, SignatureVerifier, Signer } from '@touchstone/note';

/** A key that is the same in every run, made from one byte. Nothing but tests may trust it. */
export function fixedSigner(algorithm: SignatureAlgorithm, seed: number): Signer {
  const secret = Buffer.alloc(32, seed);
  const key = algorithm === 'ed25519' ? ed25519Key(secret) : p256Key(secret);
  const digest = algorithm === 'ed25519' ? null : 'sha256';
  return {
    publicKey: { algorithm, spki: spkiOf(key) },
    sign: (message) => new Uint8Array(sign(digest, message, key)),
  };
}

function ed25519Key(secret: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function p256Key(secret: Buffer): KeyObject {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(secret);
  const point = pair.getPublicKey();
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: secret.toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}

const readKeys = new Map<string, KeyObject>();

function readKey(spki: Uint8Array): KeyObject {
  const der = Buffer.from(spki);
  const key =
    readKeys.get(der.toString('hex')) ?? createPublicKey({ key: der, format: 'der', type: 'spki' });
  readKeys.set(der.toString('hex'), key);
  return key;
}

export const nodeVerify: SignatureVerifier = ({ algorithm, spki }, message, signature) => {
  try {
    const key = readKey(spki);
    return verify(algorithm === 'ed25519' ? null : 'sha256', message, key, signature);
  } catch {
    return false;
  }
};

/** Four enrolled rebuilders of three organisations, one of nobody, and two logs, one of nobody. */
export const signers = {
  acme: fixedSigner('ed25519', 1),
  birch: fixedSigner('ecdsa-p256-sha256', 2),
  cedar: fixedSigner('ed25519', 3),
  cedarWest: fixedSigner('ecdsa-p256-sha256', 4),
  stranger: fixedSigner('ed25519', 5),
  log: fixedSigner('ed25519', 6),
  otherLog: fixedSigner('ed25519', 7),
} as const;
