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

/** Items of one side in order, and beside each its key, or `NO_KEY`. */
export interface KeyedItems {
  items: ArrayLike<number>;
  keys: Int32Array;
}

/** Of an item that goes with none. */
export const NO_KEY = -1;

/**
 * Gives equal values small equal numbers, from 0 on: what is aligned is compared often, and there
 * may be hundreds of thousands, for which arrays by number are several times faster than maps.
 */
export class KeyNumbers {
  readonly #numbers = new Map<string | number, number>();

  of(value: string | number | undefined): number {
    if (value === undefined) return NO_KEY;
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    this.#numbers.set(value, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/** Keys that occur once on both sides split a sequence; so deep at most. */
const MAX_DEPTH = 24;

/**
 * Pairs items of equal key in order (a common subsequence), as patience diff does: what both ends
 * share, then the longest increasing run of keys that occur once on both sides, then the same
 * between those. Where no key occurs once, the longest common subsequence, if the budget allows.
 * Items without a key are paired with nothing. Keys are small numbers, see `KeyNumbers`.
 */
export function anchorSequences(
  left: KeyedItems,
  right: KeyedItems,
  budget: CellBudget,
  pair: Pair,
): void {
  const count = Math.max(highest(left.keys), highest(right.keys)) + 1;
  const [as, bs] = [sharedItems(left, right, count), sharedItems(right, left, count)];
  new Anchoring(as, bs, count, budget, pair).align(0, as.keys.length, 0, bs.keys.length);
}

function highest(keys: Int32Array): number {
  let most = NO_KEY;
  for (const key of keys) if (key > most) most = key;
  return most;
}

/** Those whose key the other side has too. */
function sharedItems({ items, keys }: KeyedItems, other: KeyedItems, count: number): SharedItems {
  const shared = new Uint8Array(count);
  for (const key of other.keys) if (key !== NO_KEY) shared[key] = 1;
  const kept: SharedItems = {
    items: new Int32Array(keys.length),
    keys: new Int32Array(keys.length),
  };
  let length = 0;
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at] ?? NO_KEY;
    if (key === NO_KEY || shared[key] === 0) continue;
    kept.items[length] = items[at] ?? -1;
    kept.keys[length] = key;
    length += 1;
  }
  return { items: kept.items.subarray(0, length), keys: kept.keys.subarray(0, length) };
}

interface SharedItems {
  items: Int32Array;
  keys: Int32Array;
}

const ABSENT = -1;
const REPEATED = -2;

/** Works on ranges of places among the items that both sides share. */
class Anchoring {
  /** By key: the one place in the range that is looked at. `ABSENT` all over between two looks. */
  readonly #leftPlaces: Int32Array;
  readonly #rightPlaces: Int32Array;

  constructor(
    private readonly left: SharedItems,
    private readonly right: SharedItems,
    keys: number,
    private readonly budget: CellBudget,
    private readonly pair: Pair,
  ) {
    this.#leftPlaces = new Int32Array(keys).fill(ABSENT);
    this.#rightPlaces = new Int32Array(keys).fill(ABSENT);
  }

  align(aFrom: number, aTo: number, bFrom: number, bTo: number, depth = 0): void {
    let [aLow, aHigh, bLow, bHigh] = [aFrom, aTo, bFrom, bTo];
    while (aLow < aHigh && bLow < bHigh && this.#same(aLow, bLow)) this.#pair(aLow++, bLow++);
    while (aLow < aHigh && bLow < bHigh && this.#same(aHigh - 1, bHigh - 1))
      this.#pair(--aHigh, --bHigh);
    if (aLow === aHigh || bLow === bHigh || depth === MAX_DEPTH) return;
    const anchors = this.#uniqueAnchors(aLow, aHigh, bLow, bHigh);
    if (anchors.length === 0) {
      this.#longestCommon(aLow, aHigh, bLow, bHigh);
      return;
    }
    for (const [a, b] of anchors) {
      if (a > aLow && b > bLow) this.align(aLow, a, bLow, b, depth + 1);
      this.#pair(a, b);
      [aLow, bLow] = [a + 1, b + 1];
    }
    this.align(aLow, aHigh, bLow, bHigh, depth + 1);
  }

  #same(a: number, b: number): boolean {
    return this.left.keys[a] === this.right.keys[b];
  }

  #pair(a: number, b: number): void {
    this.pair(this.left.items[a] ?? -1, this.right.items[b] ?? -1);
  }

  #longestCommon(aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const costs: PairCosts = {
      pair: (a, b) => (this.#same(a, b) ? 0 : Infinity),
      skipLeft: () => 1,
      skipRight: () => 1,
    };
    cheapestPairs(places(aLow, aHigh), places(bLow, bHigh), costs, this.budget, (a, b) => {
      this.#pair(a, b);
    });
  }

  /** Places of keys that occur once on both sides, thinned to the longest run in order. */
  #uniqueAnchors(aLow: number, aHigh: number, bLow: number, bHigh: number): [number, number][] {
    const [as, bs] = [this.left.keys, this.right.keys];
    const [once, others] = [this.#leftPlaces, this.#rightPlaces];
    notePlaces(once, as, aLow, aHigh);
    notePlaces(others, bs, bLow, bHigh);
    const candidates: [number, number][] = [];
    for (let a = aLow; a < aHigh; a += 1) {
      const key = as[a] ?? NO_KEY;
      const b = others[key] ?? ABSENT;
      if (once[key] === a && b >= 0) candidates.push([a, b]);
    }
    for (let a = aLow; a < aHigh; a += 1) once[as[a] ?? NO_KEY] = ABSENT;
    for (let b = bLow; b < bHigh; b += 1) others[bs[b] ?? NO_KEY] = ABSENT;
    return longestIncreasing(candidates);
  }
}

function places(low: number, high: number): number[] {
  return Array.from({ length: high - low }, (_, at) => low + at);
}

function notePlaces(byKey: Int32Array, keys: Int32Array, low: number, high: number): void {
  for (let place = low; place < high; place += 1) {
    const key = keys[place] ?? NO_KEY;
    byKey[key] = byKey[key] === ABSENT ? place : REPEATED;
  }
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
