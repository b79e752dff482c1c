import { MerkleError } from './errors.js';
import { TILE_WIDTH } from './tile.js';

/** The longest entry that the two-byte length before it can tell. */
export const MAX_ENTRY_SIZE = 65_535;

const LENGTH_SIZE = 2;

/**
 * The bytes of a bundle of 1 to 256 entries: each after its length as a big-endian uint16 (C2SP
 * tlog-tiles).
 *
 * @throws MerkleError `bundle-count`, `entry-too-large`
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  checkCount(entries.length);
  let total = 0;
  for (const [i, entry] of entries.entries()) {
    if (entry.length > MAX_ENTRY_SIZE) {
      throw new MerkleError(
        'entry-too-large',
        `entry ${i} has ${entry.length} bytes, a bundle takes at most ${MAX_ENTRY_SIZE}`,
      );
    }
    total += LENGTH_SIZE + entry.length;
  }
  const bundle = new Uint8Array(total);
  let offset = 0;
  for (const entry of entries) {
    bundle[offset] = entry.length >> 8;
    bundle[offset + 1] = entry.length & 0xff;
    bundle.set(entry, offset + LENGTH_SIZE);
    offset += LENGTH_SIZE + entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle that must hold `expectedCount` of them and no byte more. A wider
 * bundle than the one asked for must be decoded at its own width.
 *
 * @throws MerkleError `bundle-count`, `bundle-truncated`, `bundle-trailing`
 */
export function decodeEntryBundle(bytes: Uint8Array, expectedCount: number): Uint8Array[] {
  checkCount(expectedCount);
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < expectedCount) {
    const [high, low] = [bytes[offset], bytes[offset + 1]];
    if (high === undefined || low === undefined) throw truncated(entries.length, expectedCount);
    const begin = offset + LENGTH_SIZE;
    offset = begin + high * 256 + low;
    if (offset > bytes.length) throw truncated(entries.length, expectedCount);
    entries.push(new Uint8Array(bytes.subarray(begin, offset)));
  }
  if (offset !== bytes.length) {
    throw new MerkleError(
      'bundle-trailing',
      `${bytes.length - offset} bytes follow the ${expectedCount} entries of the bundle`,
    );
  }
  return entries;
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > TILE_WIDTH) {
    throw new MerkleError('bundle-count', `a bundle has 1 to 256 entries, not ${count}`);
  }
}

function truncated(index: number, count: number): MerkleError {
  return new MerkleError(
    'bundle-truncated',
    `the bundle ends within entry ${index} of the ${count} it should hold`,
  );
}
