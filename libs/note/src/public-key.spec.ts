import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { keyId, publicKeyFromRaw, publicKeyFromSpki, rawPublicKey } from './public-key.js';
import type { PublicKey } from './signature.js';

const bad: unknown = expect.objectContaining({ code: 'public-key' });

const secret = new Uint8Array(32).fill(7);
const raw = {
  ed25519: ed25519.getPublicKey(secret),
  'ecdsa-p256-sha256': p256.getPublicKey(secret, false),
};
const keys = {
  ed25519: publicKeyFromRaw('ed25519', raw.ed25519),
  'ecdsa-p256-sha256': publicKeyFromRaw('ecdsa-p256-sha256', raw['ecdsa-p256-sha256']),
};

describe.each(['ed25519', 'ecdsa-p256-sha256'] as const)('a key of %s', (algorithm) => {
  const key = keys[algorithm];

  it('goes into its SubjectPublicKeyInfo and back', () => {
    expect(key.spki).toHaveLength(algorithm === 'ed25519' ? 44 : 91);
    expect(publicKeyFromSpki(key.spki)).toEqual(key);
    expect(rawPublicKey(key)).toEqual(raw[algorithm]);
  });

  it('is refused shorter, longer, or with any byte before the key changed', () => {
    const { spki } = key;
    expect(() => publicKeyFromSpki(spki.slice(0, -1))).toThrow(bad);
    expect(() => publicKeyFromSpki(Uint8Array.of(...spki, 0))).toThrow(bad);
    expect(() => publicKeyFromSpki(new Uint8Array())).toThrow(bad);
    const header = spki.length - raw[algorithm].length + (algorithm === 'ed25519' ? 0 : 1);
    for (let i = 0; i < header; i++) {
      const changed = spki.with(i, (spki[i] as number) ^ 1);
      expect(() => publicKeyFromSpki(changed)).toThrow(bad);
      expect(() => rawPublicKey({ algorithm, spki: changed })).toThrow(bad);
    }
  });

  it('is refused under the name of another algorithm', () => {
    const other = algorithm === 'ed25519' ? 'ecdsa-p256-sha256' : 'ed25519';
    expect(() => rawPublicKey({ algorithm: other, spki: key.spki })).toThrow(bad);
    const unknown = { algorithm: 'rsa', spki: key.spki } as unknown as PublicKey;
    expect(() => rawPublicKey(unknown)).toThrow(bad);
  });

  it('is copied, so that later changes to the bytes do not reach it', () => {
    const bytes = Buffer.from(key.spki);
    const read = publicKeyFromSpki(bytes);
    bytes.fill(0);
    expect(read).toEqual(key);
  });
});

describe('P-256 points', () => {
  const point = raw['ecdsa-p256-sha256'];
  it.each([
    ['off the curve', point.with(64, (point[64] as number) ^ 1)],
    ['compressed', p256.getPublicKey(secret, true)],
    ['hybrid', point.with(0, 0x06)],
    ['at infinity', new Uint8Array(65).fill(0).with(0, 4)],
    ['with a coordinate above p', new Uint8Array(65).fill(0xff).with(0, 4)],
  ])('are refused %s', (_, bytes) => {
    expect(() => publicKeyFromRaw('ecdsa-p256-sha256', bytes)).toThrow(bad);
  });
});

describe('Ed25519 points', () => {
  it.each(ED25519_TORSION_SUBGROUP)('of small order are refused: %s', (hex) => {
    for (const sign of [0, 0x80]) {
      const bytes = hexToBytes(hex);
      bytes[31] = (bytes[31] as number) ^ sign;
      expect(() => publicKeyFromRaw('ed25519', bytes)).toThrow(bad);
      const spki = keys.ed25519.spki.slice();
      spki.set(bytes, 12);
      expect(() => rawPublicKey({ algorithm: 'ed25519', spki })).toThrow(bad);
    }
  });

  it('are refused when not canonical: y of p and above', () => {
    for (let low = 0xed; low <= 0xff; low++) {
      for (const top of [0x7f, 0xff]) {
        const bytes = new Uint8Array(32).fill(0xff).with(0, low).with(31, top);
        const spki = keys.ed25519.spki.slice();
        spki.set(bytes, 12);
        expect(() => rawPublicKey({ algorithm: 'ed25519', spki })).toThrow(bad);
      }
    }
  });

  it('are refused off the curve', () => {
    const off = new Uint8Array(32).with(0, 2);
    expect(() => publicKeyFromRaw('ed25519', off)).toThrow(bad);
  });
});

it('keyId is the SHA-256 of the SubjectPublicKeyInfo', () => {
  // Rekor v1 names its log so: the production key and its published log ID.
  const rekor = publicKeyFromSpki(
    new Uint8Array(
      Buffer.from(
        'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6' +
          'yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==',
        'base64',
      ),
    ),
  );
  expect(keyId(rekor)).toBe('c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d');
});
