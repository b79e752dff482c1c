import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { algorithmsOf, ENTRY_ALGORITHMS, entryAlgorithm, HASHES } from './algorithms.js';
import { readSpki } from './spki.js';
import { verifyDigest } from './verify-digest.js';
import { verifyMessage } from './verify-message.js';

const CURVES = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' } as const;
const message = new TextEncoder().encode('what is signed');

/** Signs as node:crypto does, which has its own code for all but Ed25519ph. */
function signed(keyDetails: string): { spki: Uint8Array; signature: Uint8Array } {
  const { scheme, curve, bits, hash } = entryAlgorithm(keyDetails);
  if (scheme === 'ed25519' || scheme === 'ed25519ph') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
    const signature =
      scheme === 'ed25519' ? sign(null, message, privateKey) : ed25519ph.sign(message, seed);
    return { spki: spkiOf(publicKey), signature };
  }
  if (scheme === 'ecdsa') {
    const pair = generateKeyPairSync('ec', { namedCurve: CURVES[curve ?? 'P-256'] });
    return { spki: spkiOf(pair.publicKey), signature: sign(hash, message, pair.privateKey) };
  }
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits ?? 2048 });
  const padding =
    scheme === 'rsa-pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return {
    spki: spkiOf(publicKey),
    signature: sign(hash, message, { key: privateKey, padding, saltLength: 32 }),
  };
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
}

describe('the registry', () => {
  // Keys of 4096 bits take seconds to make, and differ from those of 3072 in nothing here.
  const quick = ENTRY_ALGORITHMS.filter(({ bits }) => bits !== 4096);

  it.each(quick.map(({ keyDetails }) => keyDetails))('verifies %s', async (keyDetails) => {
    const { spki, signature } = signed(keyDetails);
    const key = readSpki(spki);
    const algorithm = entryAlgorithm(keyDetails);
    expect(algorithmsOf(key)).toContain(algorithm);
    const read = { key, algorithm };
    if (algorithm.hash === undefined) {
      expect(verifyDigest(key, algorithm, message, signature)).toBe(false);
      return;
    }
    const digest = HASHES[algorithm.hash].digest(message);
    expect(verifyDigest(key, algorithm, digest, signature)).toBe(true);
    if (algorithm.scheme !== 'ecdsa' || algorithm.curve !== 'P-256') {
      expect(await verifyMessage(read, message, signature, () => false)).toBe(true);
    }
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const changed = new Uint8Array(signature);
      changed[at] = (changed[at] as number) ^ 1;
      expect(verifyDigest(key, algorithm, digest, changed), `byte ${at}`).toBe(false);
    }
    const other = HASHES[algorithm.hash].digest(new Uint8Array([1]));
    expect(verifyDigest(key, algorithm, other, signature)).toBe(false);
    expect(verifyDigest(key, algorithm, digest.subarray(1), signature)).toBe(false);
    expect(verifyDigest(key, algorithm, digest, new Uint8Array())).toBe(false);
  });

  it('takes a PSS signature with a salt of any length', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const algorithm = entryAlgorithm('PKIX_RSA_PSS_2048_SHA256');
    const digest = new Uint8Array(createHash('sha256').update(message).digest());
    for (const saltLength of [0, 20, 32, 222]) {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const signature = sign('sha256', message, { key: privateKey, padding, saltLength });
      const key = readSpki(spkiOf(publicKey));
      expect(verifyDigest(key, algorithm, digest, signature), `salt ${saltLength}`).toBe(true);
    }
  });

  it('refuses a signature of one scheme as one of the other', () => {
    const { spki, signature } = signed('PKIX_RSA_PKCS1V15_2048_SHA256');
    const digest = new Uint8Array(createHash('sha256').update(message).digest());
    const pss = entryAlgorithm('PKIX_RSA_PSS_2048_SHA256');
    expect(verifyDigest(readSpki(spki), pss, digest, signature)).toBe(false);
  });
});

describe('readSpki', () => {
  it('takes no second form of a key', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = spkiOf(publicKey);
    const trailing = Uint8Array.of(...spki, 0);
    const longLength = Uint8Array.of(0x30, 0x81, ...spki.subarray(1));
    const offCurve = new Uint8Array(spki);
    offCurve[40] = (offCurve[40] as number) ^ 1;
    for (const bytes of [trailing, longLength, offCurve, spki.subarray(1), new Uint8Array(2000)]) {
      expect(() => readSpki(bytes)).toThrow(
        expect.objectContaining({ code: 'public-key-malformed' }),
      );
    }
  });

  it.each([['dsa', { modulusLength: 1024, divisorLength: 160 }] as const])(
    'refuses a key of %s',
    (_type, options) => {
      const { publicKey } = generateKeyPairSync('dsa', options);
      expect(() => readSpki(spkiOf(publicKey))).toThrow(/neither ECDSA, Ed25519 nor RSA/);
    },
  );
});
