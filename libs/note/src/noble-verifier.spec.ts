import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { nobleVerifier } from './noble-verifier.js';
import { publicKeyFromRaw } from './public-key.js';
import type { PublicKey } from './signature.js';

const message = Uint8Array.of(1, 2, 3);

// RFC 8032 section 7.1, TEST 1 to 3
describe.each([
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b' +
      'd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c' +
      '387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659' +
      '4a7c15e9716ed28dc027beceea1ec40a',
  ],
])('RFC 8032 key %s', (key, text, signature) => {
  const publicKey = publicKeyFromRaw('ed25519', hexToBytes(key));

  it('verifies', () => {
    expect(nobleVerifier(publicKey, hexToBytes(text), hexToBytes(signature))).toBe(true);
  });

  it('does not with any byte changed', () => {
    const bytes = hexToBytes(signature);
    for (const [i, byte] of bytes.entries()) {
      expect(nobleVerifier(publicKey, hexToBytes(text), bytes.with(i, byte ^ 1))).toBe(false);
    }
    expect(nobleVerifier(publicKey, message, bytes)).toBe(false);
  });
});

describe('nobleVerifier', () => {
  const secret = new Uint8Array(32).fill(9);
  const ed = publicKeyFromRaw('ed25519', ed25519.getPublicKey(secret));
  const ec = publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(secret, false));
  const edSignature = ed25519.sign(message, secret);
  const ecSignature = p256.sign(message, secret, { format: 'der' });

  it('verifies P-256 over SHA-256 in DER', () => {
    expect(nobleVerifier(ec, message, ecSignature)).toBe(true);
    expect(nobleVerifier(ec, Uint8Array.of(1, 2, 4), ecSignature)).toBe(false);
  });

  it('never throws: keys and signatures that are none do not verify', () => {
    const strange: PublicKey[] = [
      { algorithm: 'ed25519', spki: ec.spki },
      { algorithm: 'ecdsa-p256-sha256', spki: ed.spki },
      { algorithm: 'ed25519', spki: new Uint8Array() },
      { algorithm: 'ecdsa-p256-sha256', spki: ec.spki.with(90, (ec.spki[90] as number) ^ 1) },
      { algorithm: 'none' as 'ed25519', spki: ed.spki },
      {} as PublicKey,
    ];
    for (const key of strange) {
      expect(nobleVerifier(key, message, edSignature)).toBe(false);
      expect(nobleVerifier(key, message, ecSignature)).toBe(false);
    }
    for (const signature of [new Uint8Array(), new Uint8Array(64), new Uint8Array(500)]) {
      expect(nobleVerifier(ed, message, signature)).toBe(false);
      expect(nobleVerifier(ec, message, signature)).toBe(false);
    }
    expect(nobleVerifier(ec, message, edSignature)).toBe(false);
    expect(nobleVerifier(ed, message, ecSignature)).toBe(false);
  });
});
