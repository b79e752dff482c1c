import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { publicKeyFromRaw, type Signer } from '@touchstone/note';

function edwards(byte: number): Signer {
  const seed = new Uint8Array(32).fill(byte);
  return {
    publicKey: publicKeyFromRaw('ed25519', ed25519.getPublicKey(seed)),
    sign: (message) => ed25519.sign(message, seed),
  };
}

function p256Signer(byte: number): Signer {
  const secret = new Uint8Array(32).fill(byte);
  return {
    publicKey: publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(secret, false)),
    sign: (message) => p256.sign(message, secret, { format: 'der' }),
  };
}

export const owner = edwards(11);
export const integrator = p256Signer(12);
export const stranger = edwards(13);

export function delimiter(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte);
}
