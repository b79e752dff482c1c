import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

import {
  anchorSequences,
  cheapestPairs,
  type CellBudget,
  type KeyedItems,
  type Pair,
} from './sequence.js';
import { samePiece } from './ranges.js';
import type { Span } from './module.js';

/** The functions, or the data segments, of one module in order. */
export interface EntryList {
  bytes: Uint8Array;
  spans: readonly Span[];
  nameOf?: (position: number) => string | undefined;
}

/** Which entry of the other side each entry goes with, by position; -1 for none. */
export interface Alignment {
  claimed: Int32Array;
  observed: Int32Array;
  /** By claimed position: 1 where partners have the same bytes but stand out of order. */
  moved: Uint8Array;
}

/** Cells of dynamic programming for one alignment: some 50 ms. More is paired by order. */
const MAX_CELLS = 8_000_000;

/**
 * Pairs the entries of two modules, so that an inserted, removed or moved one does not make all
 * that follow differ. In turn: equal content in order, equal content out of order, same name in
 * order, and the rest between two pairs by similar size (or by order, when there is much of it).
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
  const contents = contentKeys(claimed, left, observed, right);
  anchorSequences(contents.claimed, contents.observed, budget, pair);
  pairMoved(alignment, contents, pair);

  for (const [gapLeft, gapRight] of gaps(alignment)) {
    const names = nameKeys(claimed, gapLeft, observed, gapRight);
    anchorSequences(names.claimed, names.observed, budget, pair);
  }
  const sizeOf = (list: EntryList, position: number): number => list.spans[position]?.size ?? 0;
  for (const [gapLeft, gapRight] of gaps(alignment)) {
    const costs = {
      pair: (a: number, b: number) => 1 + Math.abs(sizeOf(claimed, a) - sizeOf(observed, b)),
      skipLeft: (a: number) => sizeOf(claimed, a),
      skipRight: (b: number) => sizeOf(observed, b),
    };
    const pairs = gapLeft.length === gapRight.length ? undefined : costs;
    if (pairs !== undefined && cheapestPairs(gapLeft, gapRight, pairs, budget, pair)) continue;
    pairByOrder(gapLeft, gapRight, pair);
  }
  return alignment;
}

interface KeyedSides {
  claimed: KeyedItems;
  observed: KeyedItems;
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
  return samePiece({ bytes: claimed.bytes, ...left }, { bytes: observed.bytes, ...right });
}

/** One number per distinct content. Sizes that the other side lacks cannot match and get no key. */
function contentKeys(
  claimed: EntryList,
  left: readonly number[],
  observed: EntryList,
  right: readonly number[],
): KeyedSides {
  const numbers = new Map<string, number>();
  const keysOf = (
    list: EntryList,
    positions: readonly number[],
    sizes: Set<number>,
  ): KeyedItems => {
    const keys = new Map<number, number>();
    for (const position of positions) {
      const span = list.spans[position];
      if (span === undefined || !sizes.has(span.size)) continue;
      const content = list.bytes.subarray(span.offset, span.offset + span.size);
      keys.set(position, numberOf(bytesToHex(sha256(content)), numbers));
    }
    return { items: positions, keys };
  };
  const sizesOf = (list: EntryList, positions: readonly number[]): Set<number> =>
    new Set(positions.map((position) => list.spans[position]?.size ?? -1));
  return {
    claimed: keysOf(claimed, left, sizesOf(observed, right)),
    observed: keysOf(observed, right, sizesOf(claimed, left)),
  };
}

function nameKeys(
  claimed: EntryList,
  left: readonly number[],
  observed: EntryList,
  right: readonly number[],
): KeyedSides {
  const numbers = new Map<string, number>();
  const keysOf = (list: EntryList, positions: readonly number[]): KeyedItems => {
    const keys = new Map<number, number>();
    for (const position of positions) {
      const name = list.nameOf?.(position);
      if (name !== undefined) keys.set(position, numberOf(name, numbers));
    }
    return { items: positions, keys };
  };
  return { claimed: keysOf(claimed, left), observed: keysOf(observed, right) };
}

function numberOf(text: string, numbers: Map<string, number>): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  numbers.set(text, numbers.size);
  return numbers.size - 1;
}

function pairMoved(alignment: Alignment, contents: KeyedSides, pair: Pair): void {
  const [left, right] = unpaired(alignment);
  const waiting = new Map<number, number[]>();
  for (const position of right.reverse()) {
    const key = contents.observed.keys.get(position);
    if (key === undefined) continue;
    const positions = waiting.get(key);
    if (positions === undefined) waiting.set(key, [position]);
    else positions.push(position);
  }
  for (const position of left) {
    const key = contents.claimed.keys.get(position);
    const partner = key === undefined ? undefined : waiting.get(key)?.pop();
    if (partner === undefined) continue;
    pair(position, partner);
    alignment.moved[position] = 1;
  }
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
    for (const [position, partner] of partners.entries()) {
      if (partner === -1) positions.push(position);
    }
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
    const right: number[] = [];
    for (; next < end; next += 1) if (observed[next] === -1) right.push(next);
    if (left.length > 0 && right.length > 0) found.push([left, right]);
    left = [];
  };
  for (const [position, partner] of claimed.entries()) {
    if (partner === -1) left.push(position);
    else if (moved[position] === 0) close(partner);
  }
  close(observed.length);
  return found;
}
