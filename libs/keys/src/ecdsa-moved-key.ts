import { createPublicKey, hash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bytesOf, invert, modulo } from './big-numbers.js';
import { CURVES, multiplyBase } from './ecdsa-curves.js';
import type { DigestClaim, DigestCurve } from './ecdsa-curves.js';

const MESSAGE = Buffer.from('a message of our own');
const MESSAGE_DIGEST = BigInt(`0x${hash('sha256', MESSAGE, 'hex')}`);

type MovedCurve = Exclude<DigestCurve, 'P-256'>;

/** DER of a SubjectPublicKeyInfo up to the point. */
const SPKI: Readonly<Record<MovedCurve, Buffer>> = {
  'P-384': Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'),
  'P-521': Buffer.from('30819b301006072a8648ce3d020106052b810400230381860004', 'hex'),
};

/**
 * ECDSA by a verification of another message, under another key: one of our own, with digest f
 * instead of e, and with Q' = Q + ((e - f) / r)·G instead of Q
 *
 *     (f/s)·G + (r/s)·Q' = (e/s)·G + (r/s)·Q
 *
 * so (r, s) verifies there exactly if it does here. That takes one multiplication of the base point
 * and one addition more than a plain verification.
 *
 * Undefined where Q' is not of that form: e equals f, or the two points do not add to a third.
 */
export function verifiesUnderMovedKey(
  curve: MovedCurve,
  { q, e, r, s, inverse }: DigestClaim,
): boolean | undefined {
  const { size, p, n } = CURVES[curve];
  const factor = modulo((e - MESSAGE_DIGEST) * inverse, n);
  if (factor === 0n) return undefined;
  const shift = multiplyBase(curve, factor);
  const dx = modulo(shift.x - q.x, p);
  if (dx === 0n) return undefined;
  const slope = ((shift.y - q.y) * invert(dx, p)) % p;
  const x = modulo(slope * slope - q.x - shift.x, p);
  const y = modulo(slope * (q.x - x) - q.y, p);
  const key = keyOf(curve, bytesOf(x, size), bytesOf(y, size));
  const signature = Buffer.concat([bytesOf(r, size), bytesOf(s, size)]);
  return verify('sha256', MESSAGE, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** @throws when the point is not on the curve */
function keyOf(curve: MovedCurve, x: Buffer, y: Buffer): KeyObject {
  const key = Buffer.concat([SPKI[curve], x, y]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}
