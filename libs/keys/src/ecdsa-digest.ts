import { createECDH, createPublicKey, hash, verify } from 'node:crypto';
import type { ECDH, KeyObject } from 'node:crypto';

interface Curve {
  /** OpenSSL's name. */
  readonly name: string;
  /** Bytes of a coordinate and of a scalar. */
  readonly size: number;
  /** The field, and the order of the group (SP 800-186 section 3.2.1). */
  readonly p: bigint;
  readonly n: bigint;
  /** DER of a SubjectPublicKeyInfo up to the point; undefined where JWK is read faster. */
  readonly spki?: Buffer;
}

/** Curves over which a digest's signature is checked here. */
export type DigestCurve = 'P-256' | 'P-384' | 'P-521';

const CURVES: Readonly<Record<DigestCurve, Curve>> = {
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
    spki: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
  },
  'P-521': {
    name: 'secp521r1',
    size: 66,
    p: 2n ** 521n - 1n,
    n: 2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
    spki: Buffer.from('30819b301006072a8648ce3d020106052b8104002303818600', 'hex'),
  },
};

const MESSAGE = Buffer.from('a message of our own');
const MESSAGE_DIGEST = BigInt(`0x${hash('sha256', MESSAGE, 'hex')}`);

/** Setting a key costs a quarter of making the object that holds it. */
const multipliers = new Map<DigestCurve, ECDH>();

/**
 * Whether (r, s) is an ECDSA signature of a digest (FIPS 186-5 section 6.4.2). `publicPoint` is Q,
 * uncompressed and on its curve.
 *
 * The platform hashes what it verifies, so it cannot be asked this. But it can be asked about a
 * message of our own, with digest f instead of e, under another key: with Q' = Q + ((e - f) / r)·G
 *
 *     (f/s)·G + (r/s)·Q' = (e/s)·G + (r/s)·Q
 *
 * so (r, s) verifies there exactly if it does here. That takes one multiplication of the base point
 * and one addition more than a plain verification: a third of a millisecond on P-256 where
 * JavaScript takes ten times as long.
 *
 * Undefined where Q' is not of that form: e equals f, or the two points do not add to a third.
 */
export function ecdsaDigestCheck(
  curve: DigestCurve,
  publicPoint: Uint8Array,
  digest: Uint8Array,
  r: bigint,
  s: bigint,
): boolean | undefined {
  const { size, p, n } = CURVES[curve];
  if (r <= 0n || r >= n || s <= 0n || s >= n) return false;
  const e = integer(digest.subarray(0, size));
  const factor = modulo((e - MESSAGE_DIGEST) * invert(r, n), n);
  if (factor === 0n) return undefined;
  const q = pointOf(publicPoint, size);
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

function multiplyBase(curve: DigestCurve, factor: bigint): { x: bigint; y: bigint } {
  const { name, size } = CURVES[curve];
  const ecdh = multipliers.get(curve) ?? createECDH(name);
  multipliers.set(curve, ecdh);
  ecdh.setPrivateKey(bytesOf(factor, size));
  return pointOf(ecdh.getPublicKey(), size);
}

function keyOf(curve: DigestCurve, x: Buffer, y: Buffer): KeyObject {
  const { spki } = CURVES[curve];
  if (spki) {
    const key = Buffer.concat([spki, Buffer.from([4]), x, y]);
    return createPublicKey({ key, format: 'der', type: 'spki' });
  }
  const jwk = { kty: 'EC', crv: curve, x: x.toString('base64url'), y: y.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function pointOf(bytes: Uint8Array, size: number): { x: bigint; y: bigint } {
  return { x: integer(bytes.subarray(1, 1 + size)), y: integer(bytes.subarray(1 + size)) };
}

/** Leading bits of two numbers that a step of Lehmer's looks at: with cofactors still exact. */
const LEADING_BITS = 50;
const LEADING = 2n ** BigInt(LEADING_BITS);

/**
 * The inverse of a number modulo a prime, by Euclid's algorithm as Lehmer sped it up (Knuth, The Art
 * of Computer Programming, 4.5.2, algorithm L): most quotients are found from the leading bits in
 * plain numbers, and only every twentieth step touches the long ones. Nothing here is secret, so its
 * time may tell.
 */
function invert(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, value];
  let [u, v] = [0n, 1n];
  while (b !== 0n) {
    const [A, B, C, D] = b < LEADING ? NO_STEPS : leadingSteps(a, b);
    if (B === 0) {
      const quotient = a / b;
      [a, b] = [b, a - quotient * b];
      [u, v] = [v, u - quotient * v];
    } else {
      const [p, q, r, s] = [BigInt(A), BigInt(B), BigInt(C), BigInt(D)];
      [a, b] = [p * a + q * b, r * a + s * b];
      [u, v] = [p * u + q * v, r * u + s * v];
    }
  }
  return u < 0n ? u + modulus : u;
}

type Cofactors = readonly [number, number, number, number];
const NO_STEPS: Cofactors = [1, 0, 0, 1];

/** The steps of Euclid's that leading bits alone decide, as a matrix. */
function leadingSteps(a: bigint, b: bigint): Cofactors {
  const shift = BigInt(Math.max(0, a.toString(16).length * 4 - LEADING_BITS));
  let [x, y] = [Number(a >> shift), Number(b >> shift)];
  let [A, B, C, D] = NO_STEPS;
  while (y + C !== 0 && y + D !== 0) {
    const quotient = Math.floor((x + A) / (y + C));
    if (quotient !== Math.floor((x + B) / (y + D))) break;
    [A, B, C, D] = [C, D, A - quotient * C, B - quotient * D];
    [x, y] = [y, x - quotient * y];
  }
  return [A, B, C, D];
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

function integer(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return BigInt(`0x${hex === '' ? '0' : hex}`);
}

function bytesOf(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}
