import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TlogError } from '../error.js';
import {
  bucketLength,
  compareKeys,
  decodeBucket,
  encodeBucket,
  MAX_BUCKET_KEYS,
  type BucketEntry,
} from './bucket.js';
import { decodeList, encodeList, extentsOf } from './stored-list.js';

const list = fc
  .record({
    pages: fc.oneof(fc.constant(0), fc.nat(5000)),
    tail: fc.uniqueArray(fc.maxSafeNat(), { maxLength: 255 }),
    offsets: fc.array(fc.nat({ max: 2 ** 40 }), { minLength: 14, maxLength: 14 }),
  })
  .map(({ pages, tail, offsets }) => ({
    count: pages * 256 + tail.length,
    extents: offsets.slice(0, extentsOf(pages)),
    full: new Uint8Array(pages > 0 ? 32 : 0).fill(7),
    tail: tail.sort((a, b) => a - b),
  }))
  .filter(({ count }) => count > 0);

function entry(name: number, bytes: Uint8Array): BucketEntry {
  const source = Buffer.concat([createHash('sha256').update(`${name}`).digest(), bytes]);
  return { source, at: 0, end: source.length };
}

/** Undefined where it was refused as damaged; any other error fails. */
function refusing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TlogError && error.code === 'map-store') return undefined;
    throw error;
  }
}

describe('what is stored of a map', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(list, (stored) => {
        const bytes = encodeList(stored);
        expect(decodeList(bytes, 0, bytes.length)).toEqual(stored);
      }),
      { seed: 131, numRuns: 200 },
    );
  });

  it('is refused, whatever else the bytes are, and never read beyond its end', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const lists = fc.array(list, { minLength: 1, maxLength: MAX_BUCKET_KEYS });
    fc.assert(
      fc.property(lists, bytes, fc.nat(), fc.nat(255), (stored, noise, at, byte) => {
        refusing(() => decodeList(noise, 0, noise.length));
        const entries = stored.map((each, i) => entry(i, encodeList(each))).sort(compareKeys);
        const hashes = new Uint8Array(64);
        const whole = Buffer.alloc(bucketLength(entries, 0, entries.length, 2));
        encodeBucket(whole, entries, 0, entries.length, hashes);
        expect(decodeBucket(whole).entries).toHaveLength(entries.length);
        // The checksum does not stand in the way of what is tried here.
        const bad = Buffer.from(whole);
        bad[4 + (at % (bad.length - 4))] = byte;
        const cut = bad.subarray(0, Math.max(8, bad.length - (at % 7)));
        cut.writeUInt32BE(crc32(cut.subarray(4)), 0);
        for (const { source, at: from, end } of refusing(() => decodeBucket(cut))?.entries ?? []) {
          expect(end).toBeLessThanOrEqual(cut.length);
          refusing(() => decodeList(source, from + 32, end));
        }
        expect(refusing(() => decodeBucket(Buffer.from(noise)))).toBeUndefined();
      }),
      { seed: 132, numRuns: 300 },
    );
  });
});
