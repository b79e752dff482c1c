import { describe, expect, it } from 'vitest';

import { differingRanges } from './ranges.js';

const piece = (content: readonly number[], offset: number) => ({
  bytes: Uint8Array.from([...Array.from({ length: offset }, () => 0xee), ...content, 0xdd]),
  offset,
  size: content.length,
});
const zeros = (length: number, ...ones: number[]): number[] =>
  Array.from({ length }, (_, position) => (ones.includes(position) ? 1 : 0));

describe('differingRanges', () => {
  it.each([
    ['nothing', zeros(9), zeros(9), []],
    ['one byte', zeros(9), zeros(9, 4), [[104, 1, 204, 1]]],
    [
      'both ends',
      zeros(20),
      zeros(20, 0, 19),
      [
        [100, 1, 200, 1],
        [119, 1, 219, 1],
      ],
    ],
    ['two places 7 bytes apart as one', zeros(20), zeros(20, 3, 11), [[103, 9, 203, 9]]],
    [
      'two places 8 bytes apart as two',
      zeros(20),
      zeros(20, 3, 12),
      [
        [103, 1, 203, 1],
        [112, 1, 212, 1],
      ],
    ],
    ['bytes in addition', [1, 2, 3, 4], [1, 2, 9, 9, 3, 4], [[102, 0, 202, 2]]],
    ['bytes missing', [1, 2, 9, 9, 3, 4], [1, 2, 3, 4], [[102, 2, 202, 0]]],
    ['a repeat in addition, once', [7, 7], [7, 7, 7], [[102, 0, 202, 1]]],
    ['a longer replacement', [1, 2, 3], [1, 8, 9, 3], [[101, 1, 201, 2]]],
    ['nothing and something', [], [5], [[100, 0, 200, 1]]],
  ])('tells %s', (_, claimed, observed, expected) => {
    const { ranges, truncated } = differingRanges(piece(claimed, 100), piece(observed, 200), 9);
    expect(
      ranges.map((range) => [
        range.offset,
        range.length,
        range.observedOffset,
        range.observedLength,
      ]),
    ).toEqual(expected);
    expect(truncated).toBe(false);
  });

  it('stops at the limit and says so', () => {
    const found = differingRanges(piece(zeros(40), 0), piece(zeros(40, 0, 10, 20), 0), 2);
    expect(found.ranges).toHaveLength(2);
    expect(found.truncated).toBe(true);
  });
});
