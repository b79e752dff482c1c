import { bytesOf, integer, modulo } from './big-numbers.js';
import { CURVES, multiplier, multiplyBase } from './ecdsa-curves.js';
import type { CurvePoint, DigestClaim } from './ecdsa-curves.js';

const { p, n, size } = CURVES['P-256'];
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
/** First byte of a compressed point; which of the two points of an x it names makes no difference. */
const COMPRESSED = Uint8Array.of(2);

/**
 * ECDSA on P-256 by a key agreement. A signature verifies if R = (e/s)·G + (r/s)·Q has r as its x,
 * modulo n. With the point Q' = Q + (e/r)·G that is R = (r/s)·Q', and so
 *
 *     (s/r)·R = Q'
 *
 * R is one of the two points whose x is r, each the other's opposite. So it is enough that the x of
 * (s/r)·R, which is what the platform gives for the private key s/r and the public key R, is that
 * of Q'. Elliptic curve addition is in affine coordinates, with both sides multiplied by the
 * denominator.
 *
 * Undefined where e is zero, where Q and (e/r)·G are the same or opposite, and where r + n is an x
 * too: one r in 2^128.
 */
export function agreesOnPoint({ q, e, r, s, inverse }: DigestClaim): boolean | undefined {
  if (!isOnCurve(q)) throw new Error('the public point is not on P-256');
  const factor = modulo(e * inverse, n);
  if (factor === 0n || r < p - n) return undefined;
  const shift = multiplyBase('P-256', factor);
  const dx = modulo(shift.x - q.x, p);
  if (dx === 0n) return undefined;
  const x = sharedX(modulo(s * inverse, n), r);
  if (x === undefined) return false;
  const dy = shift.y - q.y;
  return modulo((x + q.x + shift.x) * dx * dx - dy * dy, p) === 0n;
}

/** The x of a point with this x, so many times; undefined when there is no such point. */
function sharedX(factor: bigint, x: bigint): bigint | undefined {
  const point = Buffer.concat([COMPRESSED, bytesOf(x, size)]);
  try {
    return integer(multiplier('P-256', factor).computeSecret(point));
  } catch (error) {
    if (hasCode(error, 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY')) return undefined;
    throw error;
  }
}

function isOnCurve({ x, y }: CurvePoint): boolean {
  return x < p && y < p && (y * y - (x * x - 3n) * x - B) % p === 0n;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
