import { encodeCbor, type CborValue } from '@touchstone/attest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  choosePartSubset,
  decodePartSubset,
  encodePartSubset,
  PART_SUBSET_BYTES,
  type PartSubset,
} from './part-subset.js';
import { partHeads } from './parts.js';
import { codeOf, sha256 } from './parts.fixture.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Made by the format's description in another language. */
const GOLDEN = [
  '8972746f75636873746f6e652d70617274732f3158201a6cd2059f990c5629b58e753f005225cd91fde5b96b7e',
  '3b0e636f838a0cd7ee1913811903e8058201035840e21dcf13079a712a6ee683e2e6718de2bba2b8c11bc326e0',
  'c8fff2eb7303a822085352cbc2ab8d18b7b0488e12001bba0aec7da5ed7b55de3a18a59b7e75fb12584045ada1',
  '7baded276b1dcdc7163ec511048c1c06ca5c21233aaef9979ebea3aa6025073ab57c51ef67f009624347f1074b',
  'd9e0eeeb727da6c81b77ce27f996f0d64120',
].join('');

const STEP = 1000;
const digestsOf = (count: number, salt = ''): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => sha256(Buffer.from(`part ${at}${salt}`)));
const sizeOf = (count: number): { size: number; step: number } => ({
  size: count * STEP - 7,
  step: STEP,
});
const choose = (count: number, indices: readonly number[]): PartSubset =>
  choosePartSubset(digestsOf(count), sizeOf(count), indices, sha256);

const read = (bytes: Uint8Array): string => codeOf(() => decodePartSubset(bytes, sha256));

describe('some parts of a file', () => {
  it('are proven by one proof, whichever are chosen, under the name that the heads carry', () => {
    for (let count = 1; count <= 7; count++) {
      const [head] = partHeads(digestsOf(count), sizeOf(count), sha256);
      for (let set = 1; set < 2 ** count; set++) {
        const indices = Array.from({ length: count }, (_, at) => at).filter(
          (at) => set & (1 << at),
        );
        const subset = choose(count, indices);
        expect(subset.whole).toEqual(head!.whole);
        expect(subset.parts.map(({ index }) => index)).toEqual(indices);
        const bytes = encodePartSubset(subset);
        expect(decodePartSubset(bytes, sha256)).toEqual(subset);
        expect(encodePartSubset(choose(count, indices.toReversed()))).toEqual(bytes);
      }
    }
  });

  it('cost fewer hashes than a path each', () => {
    const heads = partHeads(digestsOf(64), sizeOf(64), sha256);
    const indices = [3, 4, 5, 6, 20, 40];
    const paths = indices.reduce((sum, index) => sum + heads[index]!.path.length, 0);
    expect(choose(64, indices).proof.length).toBeLessThan(paths);
  });

  it('keep their bytes', () => {
    expect(hex(encodePartSubset(choose(5, [1, 3])))).toBe(GOLDEN);
  });

  it.each<[string, readonly number[]]>([
    ['none', []],
    ['one that there is not', [5]],
    ['one twice', [1, 1]],
    ['half a one', [0.5]],
  ])('are not chosen: %s', (_, indices) => {
    expect(codeOf(() => choose(5, indices))).toBe('plan');
  });
});

describe('a proof of parts is refused', () => {
  const subset = choose(11, [0, 4, 5, 9]);
  const bytes = encodePartSubset(subset);

  it('with any bit of any byte changed, cut off anywhere, or longer', () => {
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = bytes.with(at, (bytes[at] as number) ^ (1 << bit));
        expect(read(damaged), `byte ${at} bit ${bit}`).toMatch(/^part-(?:malformed|digest)$/);
      }
      expect(read(bytes.subarray(0, at))).toBe('part-malformed');
    }
    expect(read(new Uint8Array([...bytes, 0]))).toBe('part-malformed');
  });

  it('for other parts, or parts of another file', () => {
    const others = choosePartSubset(digestsOf(11, ' else'), sizeOf(11), [0, 4, 5, 9], sha256);
    for (const forged of [
      { ...subset, whole: others.whole },
      { ...subset, parts: others.parts },
      { ...subset, proof: others.proof },
      { ...subset, proof: subset.proof.toReversed() },
      { ...subset, flags: subset.flags.map((flag) => !flag) },
      { ...subset, flags: subset.flags.toReversed() },
      { ...subset, size: subset.size - 1 },
      { ...subset, parts: choose(11, [0, 4, 5, 8]).parts },
      {
        ...subset,
        parts: subset.parts.map((part, at) => (at === 3 ? { ...part, index: 8 } : part)),
      },
    ]) {
      expect(read(encodePartSubset(forged))).toBe('part-digest');
    }
  });

  const hash = new Uint8Array(32);
  const head = ['touchstone-parts/1', hash, 4993, 1000, 5] as const;
  const rest = (indices: CborValue, digests: number, proof: number, flags: number): CborValue[] => [
    ...head,
    indices,
    new Uint8Array(digests * 32),
    new Uint8Array(proof * 32),
    new Uint8Array(flags),
  ];
  it.each<[string, CborValue, RegExp]>([
    ['another format', ['touchstone-parts/2', ...rest([1], 1, 3, 1).slice(1)], /it is no touch/],
    ['no list', 7, /it is no touch/],
    ['a member more', [...rest([1], 1, 3, 1), 0], /it is no touch/],
    ['a short whole', [head[0], new Uint8Array(31), ...rest([1], 1, 3, 1).slice(2)], /: whole /],
    ['a size that is text', [...head.slice(0, 2), '9', ...rest([1], 1, 3, 1).slice(3)], /: size /],
    ['a step of nothing', [...head.slice(0, 3), 0, ...rest([1], 1, 3, 1).slice(4)], /: count /],
    ['another count', [...head.slice(0, 4), 6, ...rest([1], 1, 3, 1).slice(5)], /: count /],
    [
      'a count beyond the limit',
      [head[0], hash, 65_537, 1, 65_537, ...rest([1], 1, 3, 1).slice(5)],
      /: count is over 65536/,
    ],
    ['no index', rest([], 0, 1, 0), /: indices /],
    ['indices that are none', rest(1, 1, 3, 1), /: indices /],
    ['an index below none', rest([-1], 1, 3, 1), /: indices /],
    ['an index beyond the parts', rest([5], 1, 3, 1), /: indices /],
    ['an index twice', rest([1, 1], 2, 2, 1), /: indices do not ascend/],
    ['indices that fall', rest([2, 1], 2, 2, 1), /: indices do not ascend/],
    ['a digest too few', rest([1, 2], 1, 2, 1), /: digests /],
    ['half a digest', [...head, [1], new Uint8Array(16), hash, hash], /: digests /],
    ['half a hash', [...head, [1], hash, new Uint8Array(48), hash], /: proof /],
    ['a proof that is a list', [...head, [1], hash, [hash], hash], /: proof /],
    ['a hash too many', rest([1], 1, 5, 1), /: proof is too long/],
    ['flags too few', rest([1], 1, 3, 0), /: flags /],
    ['flags too many', rest([1], 1, 3, 2), /: flags /],
    [
      'flags behind the last',
      [...head, [1], hash, new Uint8Array(96), Uint8Array.of(1)],
      /one encoding/,
    ],
  ])('with %s', (_, value, message) => {
    const made = encodeCbor(value);
    expect(read(made)).toBe('part-malformed');
    expect(() => decodePartSubset(made, sha256)).toThrow(message);
  });

  it('that is larger than any', () => {
    expect(read(new Uint8Array(PART_SUBSET_BYTES + 1))).toBe('part-malformed');
  });

  it('unless it is the one written, whatever bytes come', () => {
    const seeds = [subset, choose(1, [0]), choose(6, [0, 1, 2, 3, 4, 5])].map(encodePartSubset);
    const known = new Set(seeds.map(hex));
    fc.assert(
      fc.property(
        fc.nat(2),
        fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 }), fc.boolean()), {
          maxLength: 4,
        }),
        (which, changes) => {
          let made = Buffer.from(seeds[which]!);
          for (const [place, some, over] of changes) {
            const at = place % (made.length + 1);
            const tail = made.subarray(over ? at + some.length : at);
            made = Buffer.concat([made.subarray(0, at), some, tail]);
          }
          if (known.has(hex(made))) return;
          expect(read(new Uint8Array(made))).toMatch(/^part-(?:malformed|digest)$/);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
