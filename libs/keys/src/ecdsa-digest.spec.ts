import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { ecdsaDigestCheck } from './ecdsa-digest.js';

const ROWS = [
  { curve: 'P-256', noble: p256, size: 32, hashes: ['sha256', 'sha512'] },
  { curve: 'P-384', noble: p384, size: 48, hashes: ['sha384', 'sha256'] },
  { curve: 'P-521', noble: p521, size: 66, hashes: ['sha512', 'sha256'] },
] as const;

describe.each(ROWS)('a signature over a digest, $curve', ({ curve, noble, size, hashes }) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-(1 + 2 * size));
  const { ORDER } = noble.Point.Fn;

  function signed(hash: string, message: string): { digest: Buffer; r: bigint; s: bigint } {
    const options = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
    const hex = sign(hash, Buffer.from(message), options).toString('hex');
    const digest = createHash(hash).update(message).digest();
    return {
      digest,
      r: BigInt(`0x${hex.slice(0, 2 * size)}`),
      s: BigInt(`0x${hex.slice(2 * size)}`),
    };
  }

  it.each(hashes)('verifies what the platform signed over %s, and nothing else', (hash) => {
    for (let i = 0; i < 12; i++) {
      const { digest, r, s } = signed(hash, `message ${i}`);
      const check = (d: Uint8Array, a: bigint, b: bigint, q: Uint8Array = point) =>
        ecdsaDigestCheck(curve, q, d, a, b);
      expect(check(digest, r, s)).toBe(true);
      expect(check(digest, r, ORDER - s)).toBe(true);
      const changed = Buffer.from(digest);
      changed[i] = (changed[i] as number) ^ 1;
      expect(check(changed, r, s)).toBe(false);
      expect(check(digest, s, r)).toBe(false);
      expect(check(digest, r, (s + 1n) % ORDER)).toBe(false);
      expect(check(digest, (r + 1n) % ORDER, s)).toBe(false);
      const other = noble.Point.BASE.multiply(BigInt(i + 2)).toBytes(false);
      expect(check(digest, r, s, other)).toBe(false);
      expect(
        check(digest, r, s, noble.Point.fromBytes(new Uint8Array(point)).negate().toBytes(false)),
      ).toBe(false);
    }
  });

  it('refuses numbers that no signature has', () => {
    const { digest, r, s } = signed(hashes[0], 'x');
    for (const [a, b] of [
      [0n, s],
      [r, 0n],
      [ORDER, s],
      [r, ORDER],
      [r + ORDER, s],
      [-1n, s],
    ] as const) {
      expect(ecdsaDigestCheck(curve, point, digest, a, b)).toBe(false);
    }
  });

  it('does not say where it cannot tell', () => {
    const check = (e: bigint, r: bigint, q: Uint8Array = point): boolean | undefined =>
      ecdsaDigestCheck(curve, q, Buffer.from(e.toString(16).padStart(64, '0'), 'hex'), r, 7n);
    // The digest by which the key is not moved: none, or that of the platform's message.
    const own = createHash('sha256').update('a message of our own').digest('hex');
    const [still, r] = curve === 'P-256' ? [0n, ORDER - 5n] : [BigInt(`0x${own}`), 5n];
    expect(check(still, r)).toBeUndefined();
    // A key that is the very point, or its opposite, by which it is moved.
    const e = (still + 3n * r) % ORDER;
    const shift = noble.Point.BASE.multiply(3n);
    for (const q of [shift, shift.negate()]) {
      expect(check(e, r, q.toBytes(false))).toBeUndefined();
    }
    // A number that two x go with.
    if (curve === 'P-256') expect(check(still + 1n, 5n)).toBeUndefined();
  });

  it('throws for a point that is not on the curve', () => {
    const { digest, r, s } = signed(hashes[0], 'x');
    const off = Buffer.from(point);
    off[2 * size] = (off[2 * size] as number) ^ 1;
    expect(() => ecdsaDigestCheck(curve, off, digest, r, s)).toThrow();
  });
});
