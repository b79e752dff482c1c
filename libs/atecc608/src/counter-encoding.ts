/** The highest value of a monotonic counter. */
export const COUNTER_MAX = 2_097_151;

/**
 * How a counter stands in the configuration zone: two halves, A and B, that take turns. Each has
 * a two-byte tally, of which sixteen counts clear one bit each from the top, and a two-byte base
 * in units of 32. A counts 1 to 16 of each 32, B counts 17 to 32; a full tally stays until its
 * base is exceeded by the other half. The eight bytes are tally A, tally B, base A, base B, as
 * the vendor's library writes them.
 */
export function encodeCounter(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const late = Math.max(value - 16, 0);
  for (const [half, count] of [value, late].entries()) {
    bytes.set(u16be(0xffff >>> (count % 32)), TALLY[half]);
    bytes.set(u16be(Math.floor(count / 32)), BASE[half]);
  }
  return bytes;
}

/** Offsets of each half's two bytes. */
export const TALLY = [0, 2] as const;
export const BASE = [4, 6] as const;

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
  const counted = TALLY.map((_, half) => {
    const count = cleared(bytes, TALLY[half]!);
    return count === 0 ? 0 : u16(bytes, BASE[half]!) * 32 + half * 16 + count;
  });
  return Math.min(Math.max(...counted), COUNTER_MAX);
}

/** Bits cleared from the top of a tally. */
function cleared(bytes: Uint8Array, offset: number): number {
  const bits = u16(bytes, offset);
  let count = 0;
  while (count < 16 && (bits & (0x8000 >>> count)) === 0) count++;
  return count;
}

function u16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}
