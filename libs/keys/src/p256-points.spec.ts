import { randomBytes } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { p256PointCheck } from './p256-points.js';

const { Point } = p256;
const { ORDER } = Point.Fn;

function scalar(): bigint {
  return (BigInt(`0x${randomBytes(40).toString('hex')}`) % (ORDER - 3n)) + 1n;
}

/** What noble makes of the same sum. */
function sumX(q: InstanceType<typeof Point>, u1: bigint, u2: bigint): bigint {
  return Point.BASE.multiply(u1).add(q.multiply(u2)).toAffine().x % ORDER;
}

describe('p256PointCheck', () => {
  it('agrees with noble on the point, and on every other', () => {
    for (let i = 0; i < 40; i++) {
      const q = Point.BASE.multiply(scalar());
      const [u1, u2] = [scalar(), scalar()];
      const bytes = q.toBytes(false);
      const r = sumX(q, u1, u2);
      expect(p256PointCheck(bytes, u1, u2, r)).toBe(true);
      expect(p256PointCheck(bytes, u1, u2, (r + 1n) % ORDER)).toBe(false);
      // The point with u2·Q negated is another one, and must not pass for it.
      expect(p256PointCheck(bytes, u1, u2, sumX(q.negate(), u1, u2))).toBe(false);
      expect(p256PointCheck(bytes, u1, ORDER - u2, r)).toBe(false);
      expect(p256PointCheck(q.negate().toBytes(false), u1, u2, r)).toBe(false);
    }
  });

  it('does not say where it cannot tell', () => {
    const q = Point.BASE.multiply(5n);
    const bytes = q.toBytes(false);
    for (const [u1, u2] of [
      [0n, 1n],
      [1n, 0n],
      [7n, ORDER - 1n],
      [7n, 1n],
      [ORDER, 3n],
      [15n, 3n],
    ] as const) {
      expect(p256PointCheck(bytes, u1, u2, 1n), `${u1} ${u2}`).toBeUndefined();
    }
    expect(p256PointCheck(bytes, 7n, 2n, sumX(q, 7n, 2n))).toBe(true);
    expect(p256PointCheck(bytes, 2n, ORDER - 2n, sumX(q, 2n, ORDER - 2n))).toBe(true);
  });

  it('throws for a point that is not on the curve', () => {
    const bytes = Point.BASE.multiply(5n).toBytes(false);
    bytes[64] = (bytes[64] as number) ^ 1;
    expect(() => p256PointCheck(bytes, 7n, 9n, 1n)).toThrow();
  });
});
