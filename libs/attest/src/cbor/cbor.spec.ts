import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { AttestError } from '../errors.js';
import { decodeCbor, encodeCbor, type CborValue } from './cbor.js';
import { cborItemLength } from './item.js';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof AttestError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

describe('deterministic CBOR', () => {
  // RFC 8949 appendix A, and section 4.2.1 for the order of keys.
  it.each<[CborValue, string]>([
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [1000000, '1a000f4240'],
    [9007199254740991, '1b001fffffffffffff'],
    [-1, '20'],
    [-1000, '3903e7'],
    [1.1, 'fb3ff199999999999a'],
    [1.5, 'f93e00'],
    [true, 'f5'],
    [null, 'f6'],
    ['ü', '62c3bc'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    [[1, [2, 3]], '8201820203'],
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
    [{ aa: 1, b: 2 }, 'a261620262616101'],
    [
      new Map<string | number, CborValue>([
        ['a', 1],
        [10, 2],
        [-1, 3],
      ]),
      'a30a022003616101',
    ],
  ])('%j', (value, hex) => {
    expect(bytesToHex(encodeCbor(value))).toBe(hex);
    const again = encodeCbor(decodeCbor(hexToBytes(hex)));
    expect(bytesToHex(again)).toBe(hex);
  });

  it.each([
    ['a head longer than it need be', '1817', 'cbor-malformed'],
    ['a length longer than it need be', '580101', 'cbor-malformed'],
    ['an indefinite array', '9f01ff', 'cbor-malformed'],
    ['an indefinite text', '7f6161ff', 'cbor-malformed'],
    ['a reserved head', '1c', 'cbor-malformed'],
    ['unsorted keys', 'a2616201616102', 'cbor-malformed'],
    ['a key twice', 'a2616101616102', 'cbor-malformed'],
    ['undefined', 'f7', 'cbor-malformed'],
    ['not a number', 'f97e00', 'cbor-malformed'],
    ['a float longer than it need be', 'fa3fc00000', 'cbor-malformed'],
    ['bytes after the item', '0000', 'cbor-malformed'],
    ['nothing', '', 'cbor-malformed'],
    ['a text that is no UTF-8', '61ff', 'cbor-malformed'],
    ['an unknown tag', 'c000', 'cbor-malformed'],
    ['an array of 2^32 items', '9b0000000100000000', 'cbor-limit'],
    ['a text of 2^53 bytes', '7b0020000000000000', 'cbor-limit'],
    ['deep nesting', '81'.repeat(40) + '00', 'cbor-limit'],
  ])('refuses %s', (_, hex, code) => {
    expect(codeOf(() => decodeCbor(hexToBytes(hex)))).toBe(code);
  });

  it('reads plain items as the general decoder does, up to the largest whole number', () => {
    const plain = fc.letrec<{ item: CborValue }>((tie) => ({
      item: fc.oneof(
        { depthSize: 'small' },
        fc.maxSafeNat(),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array({ maxLength: 300 }),
        fc.array(tie('item'), { maxLength: 5 }),
      ),
    })).item;
    fc.assert(
      fc.property(plain, (value) => {
        const read = decodeCbor(encodeCbor(value));
        expect(read).toEqual(value);
        // A text beside it has the whole item read by the general decoder.
        expect(decodeCbor(encodeCbor([value, '']))).toEqual([read, '']);
      }),
      { numRuns: 500, seed: 12 },
    );
    // 2^53 is no whole number that a double holds for sure: a bigint, as ever.
    expect(decodeCbor(hexToBytes('1b0020000000000000'))).toBe(2n ** 53n);
  });

  it('tells where an item ends, and that it has not ended', () => {
    const item = encodeCbor({ list: [1, 'two', Uint8Array.of(3)], more: { deep: [[]] } });
    const stream = Uint8Array.from([...item, ...item]);
    expect(cborItemLength(stream)).toBe(item.length);
    expect(cborItemLength(stream, item.length)).toBe(item.length);
    for (let cut = 0; cut < item.length; cut++) {
      expect(cborItemLength(item.subarray(0, cut))).toBeUndefined();
    }
  });

  it('survives mutated bytes with a code, and reads nothing in two ways', () => {
    const seed = encodeCbor({ a: [1, -5, 'text', Uint8Array.of(9, 9)], b: { c: null, d: true } });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(seed.length),
        (changes, length) => {
          const bytes = Uint8Array.from(seed);
          for (const [at, value] of changes) bytes[at] = value;
          const input = bytes.subarray(0, length);
          const code = codeOf(() => {
            expect(encodeCbor(decodeCbor(input))).toEqual(Uint8Array.from(input));
          });
          expect(['nothing thrown', 'cbor-malformed', 'cbor-limit']).toContain(code);
        },
      ),
      { numRuns: 3000, seed: 11 },
    );
  });
});
