import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { alignEntries, type Alignment, type EntryList } from './align.js';
import { cheapestPairs } from './sequence.js';

/** One entry per letter: letters repeat their code as often as it says, so contents tell sizes. */
function entries(letters: string): EntryList {
  const bytes: number[] = [];
  const spans = Array.from(letters, (letter) => {
    const offset = bytes.length;
    const code = letter.charCodeAt(0) - 96;
    for (let count = 0; count < 2 + (code % 5); count += 1) bytes.push(code);
    return { offset, size: bytes.length - offset };
  });
  return { bytes: Uint8Array.from(bytes), spans };
}

const inOrder = (
  claimed: string,
  { claimed: partners, moved }: Alignment,
  observed: string,
): string =>
  Array.from(claimed)
    .filter(
      (letter, position) => moved[position] === 0 && observed[partners[position] ?? -1] === letter,
    )
    .join('');

describe('alignEntries', () => {
  it.each([
    ['abcdef', 'abcdef', 'abcdef'],
    ['abcdef', 'abxcdef', 'abcdef'],
    ['abcdef', 'abdef', 'abdef'],
    ['aaba', 'aaxaba', 'aaba'],
    ['aabb', 'bbaa', 'bb'],
    ['abcabc', 'bcabca', 'bcabc'],
    ['', 'abc', ''],
  ])('keeps %s and %s together in %s', (claimed, observed, common) => {
    const alignment = alignEntries(entries(claimed), entries(observed));
    expect(inOrder(claimed, alignment, observed)).toBe(common);
  });

  it('always pairs both ways, moved ones alike, the rest in order, and leaves none on both sides', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      maxLength: 24,
    });
    fc.assert(
      fc.property(letters, letters, (claimed, observed) => {
        const alignment = alignEntries(entries(claimed), entries(observed));
        let last = -1;
        for (const [position, partner] of alignment.claimed.entries()) {
          if (partner === -1) continue;
          expect(alignment.observed[partner]).toBe(position);
          if (alignment.moved[position] === 1) {
            expect(observed[partner]).toBe(claimed[position]);
          } else {
            expect(partner).toBeGreaterThan(last);
            last = partner;
          }
        }
        const paired = alignment.claimed.filter((partner) => partner !== -1).length;
        expect(alignment.observed.filter((partner) => partner !== -1)).toHaveLength(paired);
        if (claimed === observed) expect(inOrder(claimed, alignment, observed)).toBe(claimed);
      }),
      { seed: 7, numRuns: 400 },
    );
  });
});

describe('alignEntries of many', () => {
  /** Entries of these sizes, each filled with its position and something of the side's own. */
  const ofSizes = (sizes: readonly number[], own: number): EntryList => {
    const spans: { offset: number; size: number }[] = [];
    let end = 0;
    for (const size of sizes) {
      spans.push({ offset: end, size });
      end += size;
    }
    return { bytes: new Uint8Array(end).fill(own), spans };
  };

  it('goes by size where all differ and they are too many for the budget', () => {
    const sizes = Array.from({ length: 3000 }, (_, position) => 2 + position);
    const more = [...sizes.slice(0, 1000), 9000, ...sizes.slice(1000)];
    const { claimed, observed } = alignEntries(ofSizes(sizes, 1), ofSizes(more, 2));
    expect(observed[1000]).toBe(-1);
    expect([claimed[999], claimed[1000], claimed[2999]]).toEqual([999, 1001, 3000]);
  });

  it('goes by order where there are more than are worth aligning', () => {
    const count = 150_001;
    const [ones, twos] = [1, 2].map((own) =>
      ofSizes(
        Array.from({ length: count }, () => 2),
        own,
      ),
    );
    if (ones === undefined || twos === undefined) throw new Error('two sides are needed');
    const { claimed } = alignEntries(ones, twos);
    expect(claimed.every((partner, position) => partner === position)).toBe(true);
  });
});

describe('cheapestPairs', () => {
  const costs = { pair: () => 0, skipLeft: () => 1, skipRight: () => 1 };

  it('leaves all unpaired, and says so, when the budget is too small', () => {
    const pairs: number[][] = [];
    const budget = { cells: 8 };
    const pair = (...both: number[]): void => {
      pairs.push(both);
    };
    expect(cheapestPairs([1, 2], [3, 4], costs, budget, pair)).toBe(false);
    expect(pairs).toEqual([]);
    expect(cheapestPairs([1], [3], costs, budget, pair)).toBe(true);
    expect(pairs).toEqual([[1, 3]]);
    expect(budget.cells).toBe(4);
  });
});
