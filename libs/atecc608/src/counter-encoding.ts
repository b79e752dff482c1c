import { concatBytes } from '@noble/hashes/utils.js';

/** The highest value of a monotonic counter. */
export const COUNTER_MAX = 2_097_151;

/**
 * How a counter stands in the configuration zone: two halves, A and B, that take turns. Each has
 * a two-byte tally, of which sixteen counts clear one bit each from the top, and a two-byte base
 * in units of 32. A counts 1 to 16 of each 32, B counts 17 to 32; a full tally stays until its
 * base is exceeded by the other half. The bytes are those that the vendor's library writes.
 */
export function encodeCounter(value: number): Uint8Array {
  return concatBytes(...counterHalves(value));
}

/** Half A `[tally, base]` then half B, four bytes altogether of each. */
export function counterHalves(value: number): [Uint8Array, Uint8Array] {
  const late = Math.max(value - 16, 0);
  return [half(value % 32, Math.floor(value / 32)), half(late % 32, Math.floor(late / 32))];
}

/** 0 when the half that carries `value` is A, 1 when it is B. */
export function activeHalf(value: number): 0 | 1 {
  const count = value % 32;
  return count >= 1 && count <= 16 ? 0 : 1;
}

/**
 * The value of eight bytes. A half whose tally is untouched says nothing, whatever its base: that
 * is how a half looks while it is being set up for its next turn.
 */
export function decodeCounter(bytes: Uint8Array): number {
  const a = tally(bytes, 0);
  const b = tally(bytes, 4);
  const counted = [
    a === 0 ? 0 : base(bytes, 0) * 32 + a,
    b === 0 ? 0 : base(bytes, 4) * 32 + 16 + b,
  ];
  return Math.min(Math.max(...counted), COUNTER_MAX);
}

function half(count: number, turn: number): Uint8Array {
  const bits = 0xffff >>> count;
  return Uint8Array.of(bits >>> 8, bits & 0xff, turn >>> 8, turn & 0xff);
}

function tally(bytes: Uint8Array, offset: number): number {
  const bits = (bytes[offset]! << 8) | bytes[offset + 1]!;
  let cleared = 0;
  while (cleared < 16 && (bits & (0x8000 >>> cleared)) === 0) cleared++;
  return cleared;
}

function base(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}
