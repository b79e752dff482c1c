/** Cells that may still be filled; shared by all calls for one alignment, so that cost is bounded. */
export interface CellBudget {
  cells: number;
}

export interface PairCosts {
  pair(left: number, right: number): number;
  skipLeft(left: number): number;
  skipRight(right: number): number;
}

export type Pair = (left: number, right: number) => void;
export type Keys = ReadonlyMap<number, number>;

export interface KeyedItems {
  items: readonly number[];
  /** By item; an item may have none. */
  keys: Keys;
}

/** Keys that occur once on both sides split a sequence; so deep at most. */
const MAX_DEPTH = 24;

/**
 * Pairs items of equal key in order (a common subsequence), as patience diff does: what both ends
 * share, then the longest increasing run of keys that occur once on both sides, then the same
 * between those. Where no key occurs once, the longest common subsequence, if the budget allows.
 * Items without a key are paired with nothing.
 */
export function anchorSequences(
  left: KeyedItems,
  right: KeyedItems,
  budget: CellBudget,
  pair: Pair,
): void {
  const { keys: leftKeys } = left;
  const { keys: rightKeys } = right;
  const costs: PairCosts = {
    pair: (a, b) => (leftKeys.get(a) === rightKeys.get(b) ? 0 : Infinity),
    skipLeft: () => 1,
    skipRight: () => 1,
  };
  const align = (as: readonly number[], bs: readonly number[], depth: number): void => {
    let [aLow, aHigh, bLow, bHigh] = [0, as.length, 0, bs.length];
    const sameAt = (a: number, b: number): boolean =>
      leftKeys.get(as[a] ?? -1) === rightKeys.get(bs[b] ?? -1);
    while (aLow < aHigh && bLow < bHigh && sameAt(aLow, bLow)) {
      pair(as[aLow++] ?? -1, bs[bLow++] ?? -1);
    }
    while (aLow < aHigh && bLow < bHigh && sameAt(aHigh - 1, bHigh - 1)) {
      pair(as[--aHigh] ?? -1, bs[--bHigh] ?? -1);
    }
    if (aLow === aHigh || bLow === bHigh || depth === MAX_DEPTH) return;
    const [aRest, bRest] = [as.slice(aLow, aHigh), bs.slice(bLow, bHigh)];
    const anchors = uniqueAnchors(aRest, bRest, leftKeys, rightKeys);
    if (anchors.length === 0) {
      cheapestPairs(aRest, bRest, costs, budget, pair);
      return;
    }
    let [aNext, bNext] = [0, 0];
    for (const [a, b] of anchors) {
      if (a > aNext && b > bNext) align(aRest.slice(aNext, a), bRest.slice(bNext, b), depth + 1);
      pair(aRest[a] ?? -1, bRest[b] ?? -1);
      [aNext, bNext] = [a + 1, b + 1];
    }
    align(aRest.slice(aNext), bRest.slice(bNext), depth + 1);
  };
  align(itemsWithKeysOf(left, right), itemsWithKeysOf(right, left), 0);
}

function itemsWithKeysOf({ items, keys }: KeyedItems, other: KeyedItems): number[] {
  const shared = new Set(other.keys.values());
  return items.filter((item) => {
    const key = keys.get(item);
    return key !== undefined && shared.has(key);
  });
}

/**
 * Pairs two sequences in order at the least total cost (Needleman and Wunsch).
 *
 * @returns false, with nothing paired, when the budget does not allow it
 */
export function cheapestPairs(
  left: readonly number[],
  right: readonly number[],
  costs: PairCosts,
  budget: CellBudget,
  pair: Pair,
): boolean {
  const width = right.length + 1;
  const cells = (left.length + 1) * width;
  if (cells > budget.cells) return false;
  budget.cells -= cells;
  const steps = fillSteps(left, right, costs, width);
  let [row, column] = [left.length, right.length];
  while (row > 0 && column > 0) {
    const step = steps[row * width + column];
    if (step === PAIR) pair(left[row - 1] ?? -1, right[column - 1] ?? -1);
    if (step !== SKIP_RIGHT) row -= 1;
    if (step !== SKIP_LEFT) column -= 1;
  }
  return true;
}

const PAIR = 0;
const SKIP_LEFT = 1;
const SKIP_RIGHT = 2;

function fillSteps(
  left: readonly number[],
  right: readonly number[],
  costs: PairCosts,
  width: number,
): Uint8Array {
  const steps = new Uint8Array((left.length + 1) * width);
  const totals = new Float64Array(width);
  for (const [index, b] of right.entries()) {
    totals[index + 1] = (totals[index] ?? 0) + costs.skipRight(b);
  }
  for (const [index, a] of left.entries()) {
    const skipLeft = costs.skipLeft(a);
    let diagonal = totals[0] ?? 0;
    let before = diagonal + skipLeft;
    totals[0] = before;
    for (let column = 1; column < width; column += 1) {
      const b = right[column - 1] ?? -1;
      const above = totals[column] ?? 0;
      const paired = diagonal + costs.pair(a, b);
      const skippedLeft = above + skipLeft;
      const skippedRight = before + costs.skipRight(b);
      before = Math.min(paired, skippedLeft, skippedRight);
      // Of equal costs the one that pairs earlier items: steps are walked from the end.
      const step = before === skippedRight ? SKIP_RIGHT : before === skippedLeft ? SKIP_LEFT : PAIR;
      steps[(index + 1) * width + column] = step;
      totals[column] = before;
      diagonal = above;
    }
  }
  return steps;
}

/** Positions of keys that occur once on both sides, thinned to the longest run in order. */
function uniqueAnchors(
  left: readonly number[],
  right: readonly number[],
  leftKeys: Keys,
  rightKeys: Keys,
): [number, number][] {
  const once = positionsOfUnique(left, leftKeys);
  const others = positionsOfUnique(right, rightKeys);
  const candidates: [number, number][] = [];
  for (const [key, a] of once) {
    const b = others.get(key);
    if (a !== REPEATED && b !== undefined && b !== REPEATED) candidates.push([a, b]);
  }
  candidates.sort(([a], [b]) => a - b);
  return longestIncreasing(candidates);
}

const REPEATED = -1;

function positionsOfUnique(items: readonly number[], keys: Keys): Map<number, number> {
  const positions = new Map<number, number>();
  for (let position = 0; position < items.length; position += 1) {
    const key = keys.get(items[position] ?? -1);
    if (key !== undefined) positions.set(key, positions.has(key) ? REPEATED : position);
  }
  return positions;
}

/** Patience sorting: piles by binary search, back pointers along one longest run. */
function longestIncreasing(candidates: readonly [number, number][]): [number, number][] {
  const tops: number[] = [];
  const previous = new Int32Array(candidates.length).fill(-1);
  for (const [index, [, value]] of candidates.entries()) {
    let [low, high] = [0, tops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((candidates[tops[middle] ?? 0]?.[1] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    if (low > 0) previous[index] = tops[low - 1] ?? -1;
    tops[low] = index;
  }
  const run: [number, number][] = [];
  for (let index = tops.at(-1) ?? -1; index !== -1; index = previous[index] ?? -1) {
    const candidate = candidates[index];
    if (candidate !== undefined) run.push(candidate);
  }
  return run.reverse();
}
