import { createECDH } from 'node:crypto';
import type { ECDH } from 'node:crypto';
import { bytesOf, integer } from './big-numbers.js';

/** Curves over which a digest's signature is checked here. */
export type DigestCurve = 'P-256' | 'P-384' | 'P-521';

/** A point that is not the one at infinity. */
export interface CurvePoint {
  readonly x: bigint;
  readonly y: bigint;
}

/** A signature with all that its verification needs. */
export interface DigestClaim {
  /** The public key. */
  readonly q: CurvePoint;
  /** The digest as a number. */
  readonly e: bigint;
  readonly r: bigint;
  readonly s: bigint;
  /** 1/r modulo the number of points. */
  readonly inverse: bigint;
}

/** y² = x³ - 3x + b over the integers modulo p, with n points (SP 800-186 section 3.2.1). */
export interface Curve {
  /** OpenSSL's name. */
  readonly name: string;
  /** Bytes of a coordinate and of a scalar. */
  readonly size: number;
  readonly p: bigint;
  readonly n: bigint;
}

export const CURVES: Readonly<Record<DigestCurve, Curve>> = {
  'P-256': {
    name: 'prime256v1',
    size: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    name: 'secp384r1',
    size: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: BigInt(
      '0xffffffffffffffffffffffffffffffffffffffffffffffff' +
        'c7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    ),
  },
  'P-521': {
    name: 'secp521r1',
    size: 66,
    p: 2n ** 521n - 1n,
    n: 2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
  },
};

/** Setting a key costs a quarter of making the object that holds it. */
const multipliers = new Map<DigestCurve, ECDH>();

/** The platform's multiplier of points by `factor`, which is below n and not zero. */
export function multiplier(curve: DigestCurve, factor: bigint): ECDH {
  const { name, size } = CURVES[curve];
  const ecdh = multipliers.get(curve) ?? createECDH(name);
  multipliers.set(curve, ecdh);
  ecdh.setPrivateKey(bytesOf(factor, size));
  return ecdh;
}

/** The base point so many times. */
export function multiplyBase(curve: DigestCurve, factor: bigint): CurvePoint {
  return pointOf(multiplier(curve, factor).getPublicKey(), CURVES[curve].size);
}

/** Reads a point in uncompressed form. */
export function pointOf(bytes: Uint8Array, size: number): CurvePoint {
  return { x: integer(bytes.subarray(1, 1 + size)), y: integer(bytes.subarray(1 + size)) };
}
