import {
  anchorSequences,
  cheapestPairs,
  KeyNumbers,
  NO_KEY,
  type CellBudget,
  type KeyedItems,
  type Pair,
  type PairCosts,
} from './sequence.js';
import { fingerprint, pieceOf, samePiece } from './ranges.js';
import type { Shape } from './instructions/fingerprint.js';
import type { Span } from './module.js';

/** The functions, or the data segments, of one module in order. */
export interface EntryList {
  bytes: Uint8Array;
  spans: readonly Span[];
  nameOf?: (position: number) => string | undefined;
  /** Of functions: digests that stay the same when what they name moves. */
  shapeOf?: (position: number) => Shape | undefined;
}

/** Which entry of the other side each entry goes with, by position; -1 for none. */
export interface Alignment {
  claimed: Int32Array;
  observed: Int32Array;
  /** By claimed position: 1 where partners stand out of order. */
  moved: Uint8Array;
}

/**
 * Unpaired entries on both sides together that are still aligned; more are paired by order. The
 * largest modules in use have some 150,000 functions, and this many take a second or two.
 */
const MAX_ALIGNED = 300_000;
/** Cells of dynamic programming for one alignment: some 20 ms. More is paired by order. */
const MAX_CELLS = 2_000_000;

/**
 * Pairs the entries of two modules, so that an inserted, removed or moved one does not make all
 * that follow differ. In turn: equal content in order, equal content out of order, same name in
 * order, same shape in order, same name or shape out of order where it occurs once, and the rest
 * between two pairs by similar size or by order.
 * Except for entries moved, partners stand in the same order on both sides.
 */
export function alignEntries(claimed: EntryList, observed: EntryList): Alignment {
  const alignment: Alignment = {
    claimed: new Int32Array(claimed.spans.length).fill(-1),
    observed: new Int32Array(observed.spans.length).fill(-1),
    moved: new Uint8Array(claimed.spans.length),
  };
  const budget: CellBudget = { cells: MAX_CELLS };
  const pair = (a: number, b: number): void => {
    alignment.claimed[a] = b;
    alignment.observed[b] = a;
  };
  pairEnds(claimed, observed, pair);

  const [left, right] = unpaired(alignment);
  if (left.length + right.length > MAX_ALIGNED) {
    pairByOrder(left, right, pair);
    return alignment;
  }
  const keyed = (items: [number[], number[]], keyOf: KeyOf): KeyedSides =>
    keysOfBoth(claimed, observed, items, keyOf);
  const contents = keyed([left, right], contentKey);
  anchorSequences(contents.claimed, contents.observed, budget, pair);
  for (const [a, b] of equalOutOfOrder(alignment, contents)) {
    if (!sameEntry(claimed, a, observed, b)) continue;
    pair(a, b);
    alignment.moved[a] = 1;
  }

  pairLikely(claimed, observed, alignment, pair);
  const named = claimed.nameOf !== undefined && observed.nameOf !== undefined;
  const shaped = claimed.shapeOf !== undefined && observed.shapeOf !== undefined;
  for (const keyOf of [...(named ? [nameKey] : []), ...(shaped ? [codeKey, bareKey] : [])]) {
    for (const gap of gaps(alignment)) {
      const keys = keyed(gap, keyOf);
      anchorSequences(keys.claimed, keys.observed, budget, pair);
    }
  }
  for (const keyOf of [...(named ? [nameKey] : []), ...(shaped ? [codeKey] : [])]) {
    for (const [a, b] of uniqueOutOfOrder(keyed(unpaired(alignment), keyOf))) {
      pair(a, b);
      alignment.moved[a] = 1;
    }
  }
  for (const gap of gaps(alignment)) {
    const [gapLeft, gapRight] = gap;
    if (gapLeft.length === gapRight.length) continue;
    if (cheapestPairs(gapLeft, gapRight, costsBySize(claimed, observed), budget, pair)) continue;
    const sizes = keyed(gap, sizeOf);
    anchorSequences(sizes.claimed, sizes.observed, budget, pair);
  }
  for (const [gapLeft, gapRight] of gaps(alignment)) pairByOrder(gapLeft, gapRight, pair);
  return alignment;
}

type KeyOf = (list: EntryList, position: number) => string | number | undefined;

interface KeyedSides {
  claimed: KeyedItems;
  observed: KeyedItems;
}

/** Equal keys become equal small numbers on both sides. */
function keysOfBoth(
  claimed: EntryList,
  observed: EntryList,
  [left, right]: [number[], number[]],
  keyOf: KeyOf,
): KeyedSides {
  const numbers = new KeyNumbers();
  const number = (list: EntryList, items: number[]): KeyedItems => {
    const keys = new Int32Array(items.length);
    for (let at = 0; at < items.length; at += 1)
      keys[at] = numbers.of(keyOf(list, items[at] ?? -1));
    return { items, keys };
  };
  return { claimed: number(claimed, left), observed: number(observed, right) };
}

/**
 * Entries of one key may differ, by chance or by malice: that costs a good alignment and nothing
 * else, since bytes are compared before anything is called equal.
 */
function contentKey({ bytes, spans }: EntryList, position: number): number | undefined {
  const span = spans[position];
  return span === undefined ? undefined : fingerprint(pieceOf(bytes, span));
}

/** Smaller functions are alike by chance, and those of one shape are many. */
const MIN_TELLING_TOKENS = 16;

/** Rust ends a symbol with a digest of its crate, which changes when a dependency does. */
const CRATE_DIGEST = /17h[0-9a-f]{16}E$/;

function nameKey({ nameOf }: EntryList, position: number): string | undefined {
  return nameOf?.(position)?.replace(CRATE_DIGEST, '');
}

function codeKey({ shapeOf }: EntryList, position: number): number | undefined {
  return shapeOf?.(position)?.code;
}

function bareKey({ shapeOf }: EntryList, position: number): number | undefined {
  const shape = shapeOf?.(position);
  return shape === undefined || shape.tokens < MIN_TELLING_TOKENS ? undefined : shape.bare;
}

function sizeOf({ spans }: EntryList, position: number): number {
  return spans[position]?.size ?? 0;
}

/** To pair is as dear as the sizes are unlike; always cheaper than to pair neither. */
function costsBySize(claimed: EntryList, observed: EntryList): PairCosts {
  return {
    pair: (a, b) => 1 + Math.abs(sizeOf(claimed, a) - sizeOf(observed, b)),
    skipLeft: (a) => sizeOf(claimed, a),
    skipRight: (b) => sizeOf(observed, b),
  };
}

/** Equal entries at both ends, which need no hashing: mostly all but one. */
function pairEnds(claimed: EntryList, observed: EntryList, pair: Pair): void {
  const shorter = Math.min(claimed.spans.length, observed.spans.length);
  let head = 0;
  while (head < shorter && sameEntry(claimed, head, observed, head)) {
    pair(head, head);
    head += 1;
  }
  let a = claimed.spans.length - 1;
  let b = observed.spans.length - 1;
  while (a >= head && b >= head && sameEntry(claimed, a, observed, b)) {
    pair(a, b);
    a -= 1;
    b -= 1;
  }
}

function sameEntry(claimed: EntryList, a: number, observed: EntryList, b: number): boolean {
  const left = claimed.spans[a];
  const right = observed.spans[b];
  if (left === undefined || right === undefined) return false;
  return samePiece(pieceOf(claimed.bytes, left), pieceOf(observed.bytes, right));
}

/** How unlike the sizes of partners may be that nothing else speaks for. */
const MAX_GROWTH = 1.05;

/**
 * As many entries on both sides between two equal ones, each of its partner's size or nearly: these
 * are the same ones, changed a little, and need not be read to be paired. Names, where there are
 * any, must agree.
 */
function pairLikely(
  claimed: EntryList,
  observed: EntryList,
  alignment: Alignment,
  pair: Pair,
): void {
  for (const [left, right] of gaps(alignment)) {
    if (left.length !== right.length) continue;
    const alike = left.every((a, rank) => {
      const b = right[rank] ?? -1;
      const [x, y] = [sizeOf(claimed, a), sizeOf(observed, b)];
      const sized = Math.max(x, y) <= MAX_GROWTH * Math.min(x, y) + 4;
      return sized && nameKey(claimed, a) === nameKey(observed, b);
    });
    if (alike) pairByOrder(left, right, pair);
  }
}

/** Equal keys out of order, the bytes yet to be compared. */
function equalOutOfOrder(alignment: Alignment, contents: KeyedSides): [number, number][] {
  const [left, right] = [contents.claimed, contents.observed];
  // The places of one key as a chain, the first of them at its head.
  const heads = new Map<number, number>();
  const next = new Int32Array(right.keys.length);
  for (let at = right.keys.length - 1; at >= 0; at -= 1) {
    const key = right.keys[at] ?? NO_KEY;
    if (alignment.observed[right.items[at] ?? -1] !== -1) continue;
    next[at] = heads.get(key) ?? -1;
    heads.set(key, at);
  }
  const pairs: [number, number][] = [];
  for (let at = 0; at < left.keys.length; at += 1) {
    const [item, key] = [left.items[at] ?? -1, left.keys[at] ?? NO_KEY];
    if (alignment.claimed[item] !== -1 || key === NO_KEY) continue;
    const place = heads.get(key) ?? -1;
    if (place === -1) continue;
    heads.set(key, next[place] ?? -1);
    pairs.push([item, right.items[place] ?? -1]);
  }
  return pairs;
}

/** Items whose key occurs once on either side. */
function uniqueOutOfOrder({ claimed, observed }: KeyedSides): [number, number][] {
  const others = itemsByUniqueKey(observed);
  const pairs: [number, number][] = [];
  for (const [key, a] of itemsByUniqueKey(claimed)) {
    const b = others.get(key);
    if (a !== undefined && b !== undefined) pairs.push([a, b]);
  }
  return pairs;
}

function itemsByUniqueKey({ items, keys }: KeyedItems): Map<number, number | undefined> {
  const found = new Map<number, number | undefined>();
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at] ?? NO_KEY;
    if (key !== NO_KEY) found.set(key, found.has(key) ? undefined : items[at]);
  }
  return found;
}

function pairByOrder(left: readonly number[], right: readonly number[], pair: Pair): void {
  const shorter = Math.min(left.length, right.length);
  for (const [rank, a] of left.slice(0, shorter).entries()) {
    const b = right[rank];
    if (b !== undefined) pair(a, b);
  }
}

function unpaired({ claimed, observed }: Alignment): [number[], number[]] {
  const free = (partners: Int32Array): number[] => {
    const positions: number[] = [];
    for (let position = 0; position < partners.length; position += 1)
      if (partners[position] === -1) positions.push(position);
    return positions;
  };
  return [free(claimed), free(observed)];
}

/** The unpaired entries between two neighbouring pairs, where both sides have some. */
function gaps({ claimed, observed, moved }: Alignment): [number[], number[]][] {
  const found: [number[], number[]][] = [];
  let left: number[] = [];
  let next = 0;
  const close = (end: number): void => {
    if (left.length === 0) {
      next = end;
      return;
    }
    const right: number[] = [];
    for (; next < end; next += 1) if (observed[next] === -1) right.push(next);
    if (right.length > 0) found.push([left, right]);
    left = [];
  };
  for (let position = 0; position < claimed.length; position += 1) {
    const partner = claimed[position] ?? -1;
    if (partner === -1) left.push(position);
    else if (moved[position] === 0) close(partner);
  }
  close(observed.length);
  return found;
}
