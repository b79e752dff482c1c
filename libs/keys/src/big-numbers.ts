/** Leading bits of two numbers that a step of Lehmer's looks at: with cofactors still exact. */
const LEADING_BITS = 50;
const LEADING = 2n ** BigInt(LEADING_BITS);

/**
 * The inverse of a number modulo a prime, by Euclid's algorithm as Lehmer sped it up (Knuth, The Art
 * of Computer Programming, 4.5.2, algorithm L): most quotients are found from the leading bits in
 * plain numbers, and only every twentieth step touches the long ones. Nothing here is secret, so its
 * time may tell.
 */
export function invert(value: bigint, modulus: bigint): bigint {
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

export function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

export function integer(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return BigInt(`0x${hex === '' ? '0' : hex}`);
}

export function bytesOf(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}
