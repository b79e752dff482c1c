import { integer, invert } from './big-numbers.js';
import { agreesOnPoint } from './ecdsa-agreement.js';
import { CURVES, pointOf } from './ecdsa-curves.js';
import type { DigestCurve } from './ecdsa-curves.js';
import { verifiesUnderMovedKey } from './ecdsa-moved-key.js';

/**
 * Whether (r, s) is an ECDSA signature of a digest (FIPS 186-5 section 6.4.2). `publicPoint` is Q,
 * uncompressed and on its curve.
 *
 * The platform hashes what it verifies, so it cannot be asked this. But there are questions that it
 * answers and that have the same answer: of two such ways each curve takes the one that is cheaper
 * there. On P-256 that costs two plain verifications, where JavaScript takes thirty.
 *
 * Undefined where the way does not lead to an answer, which no honest signature does in practice.
 */
export function ecdsaDigestCheck(
  curve: DigestCurve,
  publicPoint: Uint8Array,
  digest: Uint8Array,
  r: bigint,
  s: bigint,
): boolean | undefined {
  const { size, n } = CURVES[curve];
  if (r <= 0n || r >= n || s <= 0n || s >= n) return false;
  const claim = {
    q: pointOf(publicPoint, size),
    e: integer(digest.subarray(0, size)),
    r,
    s,
    inverse: invert(r, n),
  };
  return curve === 'P-256' ? agreesOnPoint(claim) : verifiesUnderMovedKey(curve, claim);
}
