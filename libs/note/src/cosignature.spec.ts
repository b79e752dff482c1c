import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { testSigner } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { toBase64 } from './base64.js';
import {
  cosign,
  cosignerKey,
  formatCosignature,
  formatCosignerKey,
  parseAnyCosignerKey,
  parseCosignature,
  parseCosignerKey,
  verifyCosignature,
} from './cosignature.js';
import { nobleVerifier } from './noble-verifier.js';
import { formatNote, parseNote } from './note.js';
import { publicKeyFromRaw } from './public-key.js';
import { formatVerifierKey, verifierKey } from './verifier-key.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const TEXT =
  'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

// The example of C2SP tlog-cosignature
const EXAMPLE = `${TEXT}
— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;

describe('cosignatures', () => {
  it('reads the example of the specification', () => {
    const [, cosignature] = parseNote(EXAMPLE).signatures;
    expect(cosignature?.keyHash).toBe(0x8d66cf3f);
    const { timestamp, signature } = parseCosignature(cosignature!.signature);
    expect(timestamp).toBe(1679315147);
    expect(formatCosignature({ timestamp, signature })).toEqual(cosignature!.signature);
  });

  it('signs two lines and the text, and verifies that alone', async () => {
    const signer = testSigner();
    const key = cosignerKey('witness.example.com/w1', signer.publicKey);
    const line = await cosign(TEXT, 1679315147, key, signer);
    const message = `cosignature/v1\ntime 1679315147\n${TEXT}`;
    const { signature } = parseCosignature(line.signature);
    expect(nobleVerifier(key.publicKey, new TextEncoder().encode(message), signature)).toBe(true);
    expect(await verifyCosignature(TEXT, line, key, nobleVerifier)).toBe(1679315147);
    const read = parseNote(formatNote({ text: TEXT, signatures: [line] })).signatures[0]!;
    expect(read).toEqual(line);
  });

  it.each([
    ['another text', TEXT.replace('20852163', '20852164'), (bytes: Uint8Array) => bytes],
    ['another time', TEXT, (bytes: Uint8Array) => bytes.with(7, bytes[7]! ^ 1)],
    ['another signature', TEXT, (bytes: Uint8Array) => bytes.with(71, bytes[71]! ^ 1)],
  ])('refuses %s', async (_name, text, change) => {
    const signer = testSigner();
    const key = cosignerKey('w', signer.publicKey);
    const line = await cosign(TEXT, 255, key, signer);
    const changed = { ...line, signature: change(line.signature) };
    await expect(verifyCosignature(text, changed, key, nobleVerifier)).rejects.toThrow(
      code('bad-signature'),
    );
  });

  it('is no plain signature over the text, nor the other way round', async () => {
    const signer = testSigner();
    const key = cosignerKey('w', signer.publicKey);
    const plain = new Uint8Array(72);
    plain.set(signer.sign(new TextEncoder().encode(TEXT)), 8);
    await expect(
      verifyCosignature(
        TEXT,
        { name: 'w', keyHash: key.keyHash, signature: plain },
        key,
        nobleVerifier,
      ),
    ).rejects.toThrow(code('bad-signature'));
  });

  it.each([
    ['nothing', ''],
    ['a signature without its time', '00'.repeat(64)],
    ['a byte too many', '00'.repeat(73)],
    ['a time of 2^53', `0020000000000000${'00'.repeat(64)}`],
    ['a time of 2^63', `8000000000000000${'00'.repeat(64)}`],
    ['a time of 2^64-1', `ffffffffffffffff${'00'.repeat(64)}`],
  ])('refuses %s', (_name, hex) => {
    expect(() => parseCosignature(hexToBytes(hex))).toThrow(code('cosignature-malformed'));
  });

  it.each([[-1], [0.5], [NaN], [2 ** 53]])('does not cosign at time %d', async (time) => {
    const signer = testSigner();
    const key = cosignerKey('w', signer.publicKey);
    await expect(cosign(TEXT, time, key, signer)).rejects.toThrow(code('cosignature-malformed'));
  });
});

describe('keys of cosigners', () => {
  const raw = hexToBytes('bfff11d09a8ed9b3d2a7bb7d6fd07c4d52dfbe5ae4d9a7e0a0ff5c9d47f6fa2c');
  const { publicKey } = testSigner();
  const key = cosignerKey('witness.example.com/w1', publicKey);

  it('are written and read, and differ from those of logs in type and hash', () => {
    const vkey = formatCosignerKey(key);
    expect(parseCosignerKey(vkey)).toEqual(key);
    expect(vkey).toMatch(/^witness\.example\.com\/w1\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}$/);
    const asLog = verifierKey(key.name, publicKey);
    expect(asLog.keyHash).not.toBe(key.keyHash);
    expect(() => parseCosignerKey(formatVerifierKey(asLog))).toThrow(code('unsupported-key-type'));
  });

  it('recognises ML-DSA-44 and verifies none of it', () => {
    // Key hash by the specification: SHA-256 of "w", line feed, 0x06 and 1312 zero bytes
    const material = new Uint8Array(1313);
    material[0] = 0x06;
    const wrong = `w+00000000+${toBase64(material)}`;
    let hash = '';
    try {
      parseAnyCosignerKey(wrong);
    } catch (error) {
      hash = /give ([0-9a-f]{8})$/.exec((error as Error).message)?.[1] ?? '';
    }
    const vkey = `w+${hash}+${toBase64(material)}`;
    expect(parseAnyCosignerKey(vkey)).toMatchObject({ name: 'w', unsupported: 'ml-dsa-44' });
    expect(() => parseCosignerKey(vkey)).toThrow(code('unsupported-key-type'));
    const short = toBase64(material.subarray(0, 1312));
    expect(() => parseAnyCosignerKey(`w+${hash}+${short}`)).toThrow(code('public-key'));
  });

  it.each([
    ['an empty text', '', 'verifier-key'],
    ['two parts', 'w+00000000', 'verifier-key'],
    ['no material', 'w+00000000+', 'verifier-key'],
    [
      'upper-case digits',
      formatCosignerKey(key).replace(/\+[0-9a-f]{8}/, '+ABCDEF12'),
      'verifier-key',
    ],
    [
      'another hash',
      formatCosignerKey(key).replace(/\+[0-9a-f]{8}/, '+00000000'),
      'verifier-key-hash',
    ],
    ['another name', formatCosignerKey(key).replace('w1', 'w2'), 'verifier-key-hash'],
    ['a name with a space', formatCosignerKey(key).replace('w1', 'w 1'), 'key-name'],
    ['loose base64', `${formatCosignerKey(key)} `, 'base64'],
    ['type 5', `w+00000000+${toBase64(Uint8Array.of(5, ...raw))}`, 'unsupported-key-type'],
    ['a short key', `w+00000000+${toBase64(Uint8Array.of(4, ...raw.subarray(1)))}`, 'public-key'],
    ['a key without end', `w+00000000+${'A'.repeat(4096)}`, 'verifier-key'],
  ])('refuses %s', (_name, vkey, expected) => {
    expect(() => parseCosignerKey(vkey)).toThrow(code(expected));
  });

  it('refuses a P-256 key', () => {
    const g =
      '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
      '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5';
    const p256 = publicKeyFromRaw('ecdsa-p256-sha256', hexToBytes(g));
    expect(bytesToHex(p256.spki)).toContain(g);
    expect(() => cosignerKey('w', p256)).toThrow(code('cosigner-key'));
  });
});
