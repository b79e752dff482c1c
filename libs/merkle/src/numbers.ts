import { MerkleError } from './errors.js';

/*
 * Sizes and indices go to 2^53 - 1. The bit operators of the language cut their operands to
 * 32 bits, so nothing in this library may use them on a size or an index.
 */

/** Levels a tree of a safe size can have: level 0 to 52 hold complete nodes. */
export const MAX_LEVEL = 52;

export function isTreeNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function checkSize(size: number, what = 'tree size'): void {
  if (!isTreeNumber(size)) {
    throw new MerkleError('size-out-of-range', `${what} ${size} is not within 0 to 2^53-1`);
  }
}

export function checkIndex(index: number, what = 'index'): void {
  if (!isTreeNumber(index)) {
    throw new MerkleError('index-out-of-range', `${what} ${index} is not within 0 to 2^53-1`);
  }
}

export function isOdd(n: number): boolean {
  return n % 2 === 1;
}

export function half(n: number): number {
  return Math.floor(n / 2);
}

/** The largest power of two that is smaller than `n`; `n` is at least 2. RFC 6962 calls it k. */
export function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
