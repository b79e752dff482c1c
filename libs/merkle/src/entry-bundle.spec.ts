import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.js';
import { MerkleError } from './errors.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('entry bundles', () => {
  it('put a big-endian length before each entry', () => {
    const entries = [Uint8Array.of(1, 2), new Uint8Array(), new Uint8Array(258).fill(7)];
    const bundle = encodeEntryBundle(entries);
    expect([...bundle.subarray(0, 9)]).toEqual([0, 2, 1, 2, 0, 0, 1, 2, 7]);
    expect(decodeEntryBundle(bundle, 3)).toEqual(entries);
  });

  it('take the longest entry and none longer', () => {
    const longest = new Uint8Array(65_535).fill(1);
    expect(decodeEntryBundle(encodeEntryBundle([longest]), 1)).toEqual([longest]);
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrow(code('entry-too-large'));
  });

  it('have 1 to 256 entries', () => {
    const entries = Array.from({ length: 257 }, () => new Uint8Array());
    expect(encodeEntryBundle(entries.slice(1))).toHaveLength(512);
    expect(() => encodeEntryBundle(entries)).toThrow(code('bundle-count'));
    expect(() => encodeEntryBundle([])).toThrow(code('bundle-count'));
    for (const count of [0, 257, 1.5, NaN]) {
      expect(() => decodeEntryBundle(new Uint8Array(), count)).toThrow(code('bundle-count'));
    }
  });

  it.each([
    ['nothing', [], 1, 'bundle-truncated'],
    ['half a length', [0], 1, 'bundle-truncated'],
    ['half an entry', [0, 2, 1], 1, 'bundle-truncated'],
    ['an entry too few', [0, 1, 1], 2, 'bundle-truncated'],
    ['an entry too many', [0, 1, 1, 0, 0], 1, 'bundle-trailing'],
    ['a byte too many', [0, 1, 1, 9], 1, 'bundle-trailing'],
  ])('are refused with %s', (_, bytes, count, expected) => {
    expect(() => decodeEntryBundle(Uint8Array.from(bytes), count)).toThrow(code(expected));
  });

  it('give entries that do not share memory with the bundle', () => {
    const bundle = Buffer.from([0, 1, 5]);
    const [entry] = decodeEntryBundle(bundle, 1);
    bundle.fill(0);
    expect(entry).toEqual(Uint8Array.of(5));
  });

  it('encode again to the bytes they were decoded from, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((raw) => raw.map((b, i) => (i % 3 ? b : 0)));
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 6 }), (bundle, count) => {
        try {
          expect(encodeEntryBundle(decodeEntryBundle(bundle, count))).toEqual(bundle);
        } catch (error) {
          expect(error).toBeInstanceOf(MerkleError);
        }
      }),
      { seed: 3, numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1, maxLength: 256 }), (entries) => {
        expect(decodeEntryBundle(encodeEntryBundle(entries), entries.length)).toEqual(entries);
      }),
      { seed: 4, numRuns: 100 },
    );
  });
});
