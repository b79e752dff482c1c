import type { Pairing } from '../pairing.js';
import type { DataSegment } from '../data.js';
import { anchorSequences, KeyNumbers } from '../sequence.js';
import { keyed } from './keyed-spans.js';
import type { Span } from '../module.js';
import { pieceOf, samePiece } from '../ranges.js';

/** Addresses from `start` up to `end` of the claimed memory stand `delta` further in the observed. */
interface Run {
  start: number;
  end: number;
  delta: number;
}

/** An active segment whose address is a plain constant. */
export interface Placed {
  address: number;
  content: Span;
}

const MAX_ITEMS = 50_000;
const MAX_CELLS = 1_000_000;
/** What stands after the data begins at a multiple of no more than this. */
const MAX_ALIGNMENT = 64;

/**
 * Where the contents of the observed memory stand against those of the claimed one. Learnt from the
 * bytes of the data segments alone: an address is called shifted only where the data is.
 */
export class AddressMap {
  #runs: Run[] = [];
  readonly #placed: { claimed: Placed[]; observed: Placed[] } = { claimed: [], observed: [] };
  #dataEnd = 0;
  #endDelta = 0;

  constructor(
    private readonly left: Uint8Array,
    private readonly right: Uint8Array,
    segments: Pairing | undefined,
  ) {
    if (segments === undefined) return;
    const { claimed, observed, alignment } = segments;
    for (const [position, entry] of claimed.entries.entries()) {
      const partner = observed.entries[alignment.claimed[position] ?? -1];
      const a = placed(left, entry as DataSegment);
      const b = partner === undefined ? undefined : placed(right, partner as DataSegment);
      if (a !== undefined) this.#placed.claimed.push(a);
      if (b !== undefined) this.#placed.observed.push(b);
      if (a === undefined || b === undefined) continue;
      this.#align(a, b);
      if (a.address + a.content.size > this.#dataEnd) {
        this.#dataEnd = a.address + a.content.size;
        this.#endDelta = b.address + b.content.size - this.#dataEnd;
      }
    }
    this.#bridge();
  }

  /** Between two stretches that moved alike lies what moved with them, changed or zero. */
  #bridge(): void {
    const sorted = this.#runs.sort((a, b) => a.start - b.start);
    const joined: Run[] = [];
    for (const run of sorted) {
      const last = joined.at(-1);
      if (last?.delta === run.delta) last.end = Math.max(last.end, run.end);
      else joined.push(run);
    }
    this.#runs = joined;
  }

  /** Whether the address `b` of the observed module names what `a` names in the claimed one. */
  same(a: number, b: number): boolean {
    if (a >= this.#dataEnd)
      return this.#endDelta !== 0 && Math.abs(b - a - this.#endDelta) < MAX_ALIGNMENT;
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.start ?? 0) <= a) low = middle + 1;
      else high = middle;
    }
    // One past the end of a run may be what a pointer to its end holds.
    const before = this.#runs[low - 1];
    return before !== undefined && a <= before.end && b - a === before.delta;
  }

  /** Where in memory a byte of the file is put; undefined where it is not known. */
  addressOf(side: 'claimed' | 'observed', offset: number): number | undefined {
    const found = this.#placed[side].find(
      ({ content }) => offset >= content.offset && offset < content.offset + content.size,
    );
    return found && found.address + offset - found.content.offset;
  }

  #align(a: Placed, b: Placed): void {
    const { left, right } = this;
    const [aSize, bSize] = [a.content.size, b.content.size];
    const shorter = Math.min(aSize, bSize);
    let head = 0;
    while (head < shorter && left[a.content.offset + head] === right[b.content.offset + head])
      head += 1;
    let tail = 0;
    while (
      tail < shorter - head &&
      left[a.content.offset + aSize - 1 - tail] === right[b.content.offset + bSize - 1 - tail]
    )
      tail += 1;
    this.#add(a.address, head, b.address - a.address);
    if (head === aSize && head === bSize) return;
    this.#alignMiddle(a, b, head, tail);
    this.#add(a.address + aSize - tail, tail, b.address + bSize - a.address - aSize);
  }

  /** What lies between zero bytes, strings mostly, is matched by content. */
  #alignMiddle(a: Placed, b: Placed, head: number, tail: number): void {
    const as = textItems(this.left, a.content.offset + head, a.content.size - head - tail);
    const bs = textItems(this.right, b.content.offset + head, b.content.size - head - tail);
    const [first, other] = [as[0], bs[0]];
    if (first === undefined || other === undefined) return;
    const found = (x: Span, y: Span): void => {
      const from = x.offset - a.content.offset + a.address;
      this.#add(from, x.size, y.offset - b.content.offset + b.address - from);
    };
    if (as.length === 1 && bs.length === 1) {
      // As of most segments, where there are many: a name, or a number.
      if (samePiece(pieceOf(this.left, first), pieceOf(this.right, other))) found(first, other);
      return;
    }
    const numbers = new KeyNumbers();
    anchorSequences(
      keyed(this.left, as, numbers),
      keyed(this.right, bs, numbers),
      { cells: MAX_CELLS },
      (at, partner) => {
        const [x, y] = [as[at], bs[partner]];
        if (y !== undefined && x?.size === y.size) found(x, y);
      },
    );
  }

  #add(start: number, size: number, delta: number): void {
    if (size > 0) this.#runs.push({ start, end: start + size, delta });
  }
}

/** Runs of bytes that are not zero; none when there are too many to match. */
function textItems(bytes: Uint8Array, offset: number, size: number): Span[] {
  const items: Span[] = [];
  let start = -1;
  for (let at = offset; at <= offset + size; at += 1) {
    const zero = at === offset + size || bytes[at] === 0;
    if (!zero && start === -1) start = at;
    if (!zero || start === -1) continue;
    items.push({ offset: start, size: at - start });
    start = -1;
    if (items.length > MAX_ITEMS) return [];
  }
  return items;
}

/** Where an active segment of constant address puts its content. */
export function placed(bytes: Uint8Array, segment: DataSegment): Placed | undefined {
  if (segment.mode !== 'active') return undefined;
  let at = segment.offset + 1;
  if (bytes[segment.offset] === 2) while ((bytes[at++] ?? 0) >= 0x80);
  if (bytes[at] !== 0x41) return undefined;
  let [value, shift] = [0, 0];
  for (;;) {
    at += 1;
    const byte = bytes[at] ?? 0;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte >= 0x80) continue;
    if (shift < 32 && (byte & 0x40) !== 0) value |= -1 << shift;
    return { address: value >>> 0, content: segment.content };
  }
}
