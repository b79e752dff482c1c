import { generateKeyPairSync, sign } from 'node:crypto';

/** A new Ed25519 key that signs, in the shape that the libraries expect of a signer. */
export function testSigner(): {
  readonly publicKey: { readonly algorithm: 'ed25519'; readonly spki: Uint8Array };
  sign(message: Uint8Array): Uint8Array;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return {
    publicKey: { algorithm: 'ed25519', spki },
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}
