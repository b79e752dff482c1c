import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { nodeVerifier } from './node-verifier.js';
import { generateKey, privateKeyFromPem } from './private-key.js';
import { publicKeyFromPem, publicKeyToPem } from './public-key-pem.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const message = Uint8Array.of(1, 2, 3);

describe.each(['ed25519', 'ecdsa-p256-sha256'] as const)('a private key of %s', (algorithm) => {
  const key = generateKey(algorithm);

  it('is the same after its PEM', () => {
    const again = privateKeyFromPem(key.toPem());
    expect(again.publicKey).toEqual(key.publicKey);
    expect(again.publicKey.algorithm).toBe(algorithm);
    expect(nodeVerifier(key.publicKey, message, again.sign(message))).toBe(true);
    expect(again.toPem()).toBe(key.toPem());
  });

  it('signs into plain bytes', () => {
    expect(Object.getPrototypeOf(key.sign(message))).toBe(Uint8Array.prototype);
  });

  it('shows nothing of itself in logs', () => {
    const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key);
    const secret = key.toPem().split('\n')[1] as string;
    expect(shown).not.toContain(secret.slice(24));
    expect(shown).not.toContain('PRIVATE');
  });

  it('has a public key in PEM', () => {
    const pem = publicKeyToPem(key.publicKey);
    expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n(?:.{1,64}\n)+-----END PUBLIC KEY-----\n$/);
    expect(publicKeyFromPem(pem)).toEqual(key.publicKey);
    expect(publicKeyFromPem(`\n ${pem.replaceAll('\n', '\r\n')}`)).toEqual(key.publicKey);
  });
});

describe('privateKeyFromPem', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
  const pem = generateKey('ed25519').toPem();
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export(pkcs8);
  const x25519 = generateKeyPairSync('x25519').privateKey.export(pkcs8);
  const sealed = ec.export({ ...pkcs8, cipher: 'aes-256-cbc', passphrase: 'open' });

  it.each([
    ['nothing', '', 'key-malformed'],
    ['a public key', publicKeyToPem(generateKey('ed25519').publicKey), 'key-malformed'],
    ['SEC 1', ec.export({ type: 'sec1', format: 'pem' }).toString(), 'key-malformed'],
    ['an encrypted key', sealed.toString(), 'key-encrypted'],
    ['P-384', p384.toString(), 'key-unsupported'],
    ['X25519', x25519.toString(), 'key-unsupported'],
    ['two keys', pem + pem, 'key-malformed'],
    ['broken base64', pem.replace('MC4C', 'MC4*'), 'key-malformed'],
    ['broken DER', pem.replace('MC4C', 'MC5C'), 'key-malformed'],
    ['a text before the key', `key: ${pem}`, 'key-malformed'],
  ])('refuses %s and quotes none of it', (_, text, expected) => {
    let error: unknown;
    try {
      privateKeyFromPem(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toEqual(code(expected));
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const line of text.split('\n').filter((l) => l.length > 20 && !l.startsWith('-'))) {
      expect(shown).not.toContain(line.slice(8, 24));
    }
  });

  it('refuses a key that carries the public key of another', () => {
    const der = (key: typeof ec): Buffer => key.export({ type: 'pkcs8', format: 'der' });
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    // The last 65 bytes of both are the uncompressed public point.
    const mixed = Buffer.concat([der(ec).subarray(0, -65), der(other).subarray(-65)]);
    const text = `-----BEGIN PRIVATE KEY-----\n${mixed.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    expect(() => privateKeyFromPem(text)).toThrow(
      expect.toSatisfy((error: { code?: string }) =>
        ['key-inconsistent', 'key-malformed'].includes(error.code ?? ''),
      ),
    );
  });
});

describe('publicKeyFromPem', () => {
  const pem = publicKeyToPem(generateKey('ecdsa-p256-sha256').publicKey);

  it.each([
    ['nothing', ''],
    ['a private key', generateKey('ed25519').toPem()],
    ['two keys', pem + pem],
    ['no end', pem.slice(0, -30)],
    ['another label', pem.replaceAll('PUBLIC', 'RSA PUBLIC')],
    ['broken base64', pem.replace('MFkw', 'MFk*')],
    ['broken DER', pem.replace('MFkw', 'MFkx')],
    ['too long a text', pem + ' '.repeat(5000)],
  ])('refuses %s', (_, text) => {
    expect(() => publicKeyFromPem(text)).toThrow(code('public-key-malformed'));
  });
});
