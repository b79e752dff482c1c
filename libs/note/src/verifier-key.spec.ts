import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NoteError } from './errors.js';
import { publicKeyFromRaw } from './public-key.js';
import {
  formatVerifierKey,
  fullKeyHash,
  isKeyName,
  parseVerifierKey,
  verifierKey,
} from './verifier-key.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

// The example of C2SP signed-note
const EXAMPLE = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
// Rekor's production key as transparency-dev/formats writes it, with its key hash
const ECDSA =
  'rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW' +
  '5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=';

describe('verifier keys', () => {
  it.each([
    [EXAMPLE, 'example.com/foo', 0x530d903a, 1, 'ed25519'],
    [ECDSA, 'rekor.sigstore.dev', 0xc0d23d6a, 2, 'ecdsa-p256-sha256'],
  ])('%s', (vkey, name, keyHash, type, algorithm) => {
    const key = parseVerifierKey(vkey);
    expect(key).toMatchObject({ name, keyHash, type, publicKey: { algorithm } });
    expect(formatVerifierKey(key)).toBe(vkey);
    expect(verifierKey(name, key.publicKey)).toEqual(key);
    expect(fullKeyHash(name, key.publicKey)).toHaveLength(32);
  });

  it.each([
    ['', 'verifier-key'],
    ['example.com/foo', 'verifier-key'],
    [EXAMPLE.slice(0, EXAMPLE.lastIndexOf('+')), 'verifier-key'],
    [EXAMPLE.replace('530d903a', '530D903A'), 'verifier-key'],
    [EXAMPLE.replace('530d903a', '530d903'), 'verifier-key'],
    [EXAMPLE.replace('530d903a', '530d903b'), 'verifier-key-hash'],
    [EXAMPLE.replace('foo', 'bar'), 'verifier-key-hash'],
    [EXAMPLE.replace('foo', 'f oo'), 'key-name'],
    [EXAMPLE.replace('example.com/foo', ''), 'key-name'],
    [`${EXAMPLE}\n`, 'base64'],
    [`${EXAMPLE}=`, 'base64'],
    [EXAMPLE.replace('+Ae', '+Be'), 'unsupported-key-type'],
    [EXAMPLE.slice(0, -4), 'public-key'],
    [ECDSA.replace('+AjBZ', '+AjBa'), 'public-key'],
    [`x+00000000+${'A'.repeat(4096)}`, 'verifier-key'],
  ])('refuses %j as %s', (vkey, expected) => {
    expect(() => parseVerifierKey(vkey)).toThrow(code(expected));
  });

  it('refuses an Ed25519 key in the clothes of type 2', () => {
    const spki = parseVerifierKey(EXAMPLE).publicKey.spki;
    const base64 = Buffer.from([2, ...spki]).toString('base64');
    expect(() => parseVerifierKey(`a+00000000+${base64}`)).toThrow(code('public-key'));
  });

  it('refuses a key whose algorithm is not the one it says', () => {
    const { spki } = parseVerifierKey(EXAMPLE).publicKey;
    expect(() => verifierKey('a', { algorithm: 'ecdsa-p256-sha256', spki })).toThrow(
      code('public-key'),
    );
  });

  it('fails in no other way, and reads back what it writes', () => {
    const piece = fc.constantFrom('+', 'a', '530d903a', 'AQ==', 'Ae', EXAMPLE, ' ', '\u2028', '=');
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 6 }), (pieces) => {
        const vkey = pieces.join('');
        try {
          expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { seed: 5, numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, secret) => {
        fc.pre(isKeyName(name));
        const key = verifierKey(name, publicKeyFromRaw('ed25519', ed25519.getPublicKey(secret)));
        expect(parseVerifierKey(formatVerifierKey(key))).toEqual(key);
      }),
      { seed: 6, numRuns: 50 },
    );
  });
});

describe('key names', () => {
  it.each(['a', 'example.com/log/42', 'münchen', '—', '"quoted"', 'a\u007f'])('take %j', (name) => {
    expect(isKeyName(name)).toBe(true);
  });

  it.each([
    '',
    'a b',
    'a+b',
    'a\tb',
    'a\nb',
    'a\u0000',
    'a\u0085b',
    'a\u00a0b',
    'a\u1680b',
    'a\u2003b',
    'a\u2028b',
    'a\u202fb',
    'a\u3000b',
    '\ud800',
    'a'.repeat(1025),
  ])('refuse %j', (name) => {
    expect(isKeyName(name)).toBe(false);
    const { publicKey } = parseVerifierKey(EXAMPLE);
    expect(() => verifierKey(name, publicKey)).toThrow(code('key-name'));
  });
});
