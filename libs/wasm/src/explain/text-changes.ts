import { decodeUtf8 } from '@touchstone/note';

import type { Comparison } from '../compare.js';
import type { DataSegment } from '../data.js';
import type { Section, Span, WasmModule } from '../module.js';
import { anchorSequences, cheapestPairs, KeyNumbers } from '../sequence.js';
import { keyed } from './keyed-spans.js';

/** Text of one side around bytes that differ. */
export interface ChangedText {
  /** In the file. */
  offset: number;
  length: number;
  text: string;
}

/** A piece of text that is not the same on both sides; absent where a side has nothing there. */
export interface TextChange {
  /** `data` or `custom:<name>`. */
  section: string;
  claimed?: ChangedText;
  observed?: ChangedText;
}

export interface TextChanges {
  changes: TextChange[];
  /** More differ than are listed. */
  truncated: boolean;
}

const MAX_CHANGES = 64;
const MAX_ITEMS = 50_000;
const MAX_CELLS = 2_000_000;
const MAX_WINDOW = 240;
/** How much unchanged text is told on either side of a change. */
const CONTEXT = 96;
const MIN_TEXT = 3;

/** Custom sections whose content is read elsewhere, or is no text. */
const NOT_READ = /^(?:name|producers|target_features|reloc\.|linking$|build_id$|\.debug_(?!str))/;

/**
 * The text that differs: strings of data segments, in UTF-8 or UTF-16, and of custom sections.
 * Strings are matched by content first, so that one that is longer makes no other differ.
 */
export function textChanges(comparison: Comparison): TextChanges {
  const { modules, segments } = comparison;
  const found: TextChange[] = [];
  if (modules === undefined) return { changes: [], truncated: false };
  const add = (change: TextChange): boolean => found.push(change) <= MAX_CHANGES;
  for (const [section, left, right] of piecesOf(modules, segments)) {
    const claimed = { bytes: modules.claimed.bytes, span: left };
    const observed = { bytes: modules.observed.bytes, span: right };
    compareText(section, claimed, observed, add);
    if (found.length > MAX_CHANGES) break;
  }
  return { changes: found.slice(0, MAX_CHANGES), truncated: found.length > MAX_CHANGES };
}

type Pieces = [section: string, claimed: Span, observed: Span];

function piecesOf(
  { claimed, observed }: { claimed: WasmModule; observed: WasmModule },
  segments: Comparison['segments'],
): Pieces[] {
  const pieces: Pieces[] = [];
  if (segments !== undefined) {
    for (const [position, partner] of segments.alignment.claimed.entries()) {
      const a = segments.claimed.entries[position] as DataSegment | undefined;
      const b = segments.observed.entries[partner] as DataSegment | undefined;
      if (a !== undefined && b !== undefined) pieces.push(['data', a.content, b.content]);
    }
  }
  const others = customs(observed);
  for (const [name, section] of customs(claimed)) {
    const partner = others.get(name);
    if (partner === undefined || NOT_READ.test(name)) continue;
    pieces.push([`custom:${name}`, bodyOf(section), bodyOf(partner)]);
  }
  return pieces;
}

function customs({ sections }: WasmModule): Map<string, Section> {
  const found = new Map<string, Section>();
  for (const section of sections)
    if (section.customName !== undefined) found.set(section.customName, section);
  return found;
}

function bodyOf({ bodyOffset, bodySize }: Section): Span {
  return { offset: bodyOffset, size: bodySize };
}

interface Side {
  bytes: Uint8Array;
  span: Span;
}

function compareText(
  section: string,
  claimed: Side,
  observed: Side,
  add: (change: TextChange) => boolean,
): void {
  const [left, right] = differingPart(claimed, observed);
  if (left.size === 0 && right.size === 0) return;
  const wide = isWide(claimed.bytes, left) || isWide(observed.bytes, right);
  const as = textItems(claimed, left, wide);
  const bs = textItems(observed, right, wide);
  const pairs: (readonly [number, number])[] = [];
  const numbers = new KeyNumbers();
  if (as.length <= MAX_ITEMS && bs.length <= MAX_ITEMS) {
    const sides = [keyed(claimed.bytes, as, numbers), keyed(observed.bytes, bs, numbers)] as const;
    anchorSequences(...sides, { cells: MAX_CELLS }, (a, b) => pairs.push([a, b]));
  }
  pairs.sort(([a], [b]) => a - b);
  let [nextA, nextB] = [0, 0];
  const together: TextPair[] = [];
  const alone: TextPair[] = [];
  for (const [a, b] of [...pairs, [as.length, bs.length] as const]) {
    const left = as.slice(nextA, a).map((item) => decode(claimed.bytes, item, wide));
    const right = bs.slice(nextB, b).map((item) => decode(observed.bytes, item, wide));
    for (const pair of pairBySimilarity(left, right))
      (pair[0] !== undefined && pair[1] !== undefined ? together : alone).push(pair);
    [nextA, nextB] = [a + 1, b + 1];
  }
  // A linker may sort strings, so that one that changed stands elsewhere.
  for (const [x, y] of [...together, ...pairOutOfOrder(alone)]) {
    const change = changeOf(x, y);
    if (change !== undefined && !add({ section, ...change })) return;
  }
}

/** What both ends do not share, grown to whole strings. */
function differingPart(claimed: Side, observed: Side): [Span, Span] {
  const { bytes: a, span: x } = claimed;
  const { bytes: b, span: y } = observed;
  const shorter = Math.min(x.size, y.size);
  let head = 0;
  while (head < shorter && a[x.offset + head] === b[y.offset + head]) head += 1;
  if (head === x.size && head === y.size)
    return [
      { ...x, size: 0 },
      { ...y, size: 0 },
    ];
  let tail = 0;
  const [aLast, bLast] = [x.offset + x.size - 1, y.offset + y.size - 1];
  while (tail < shorter - head && a[aLast - tail] === b[bLast - tail]) tail += 1;
  const start = Math.max(0, head - MAX_WINDOW - (head % 2));
  const rest = Math.max(0, tail - MAX_WINDOW);
  let [from, end] = [start, rest];
  // To a byte that is no text, which both sides share.
  while (from < head && (a[x.offset + from] ?? 0) >= 0x20) from += 1;
  if (from === head) from = start;
  while (end < tail && (a[aLast - end] ?? 0) >= 0x20) end += 1;
  if (end === tail) end = rest;
  return [
    { offset: x.offset + from, size: x.size - from - end },
    { offset: y.offset + from, size: y.size - from - end },
  ];
}

/** UTF-16 of mostly Latin text: every other byte is zero. */
function isWide(bytes: Uint8Array, { offset, size }: Span): boolean {
  let [letters, wide] = [0, 0];
  const end = offset + Math.min(size, 4096) - 1;
  for (let at = offset; at < end; at += 1) {
    if ((bytes[at] ?? 0) < 0x20 || (bytes[at] ?? 0) > 0x7e) continue;
    letters += 1;
    if (bytes[at + 1] === 0) wide += 1;
  }
  return letters >= 4 && wide > 0.7 * letters;
}

function textItems({ bytes }: Side, { offset, size }: Span, wide: boolean): Span[] {
  const items: Span[] = [];
  const step = wide ? 2 : 1;
  const end = offset + size;
  let start = -1;
  for (let at = wide ? evenStart(bytes, offset, end) : offset; at <= end; at += step) {
    const text = at + step <= end && isText(bytes, at, wide);
    if (text && start === -1) start = at;
    if (text || start === -1) continue;
    items.push({ offset: start, size: at - start });
    start = -1;
    if (items.length > MAX_ITEMS) break;
  }
  return items;
}

/** Where 16-bit units begin: the parity at which more of them are letters. */
function evenStart(bytes: Uint8Array, offset: number, end: number): number {
  let [even, odd] = [0, 0];
  for (let at = offset; at + 1 < end && at < offset + 4096; at += 1) {
    if (!isText(bytes, at, true)) continue;
    if ((at - offset) % 2 === 0) even += 1;
    else odd += 1;
  }
  return odd > even ? offset + 1 : offset;
}

function isText(bytes: Uint8Array, at: number, wide: boolean): boolean {
  const byte = bytes[at] ?? 0;
  const printable = byte >= 0x20 && byte !== 0x7f;
  return printable && (!wide || (byte < 0x7f && bytes[at + 1] === 0));
}

const MAX_COMPARED = 64;

type TextPair = [claimed: Decoded | undefined, observed: Decoded | undefined];

/** Strings between two that are the same on both sides: like with like, the others alone. */
function pairBySimilarity(left: readonly Decoded[], right: readonly Decoded[]): TextPair[] {
  const pairs: TextPair[] = [];
  const partners = new Map<number, number>();
  if (left.length <= MAX_COMPARED && right.length <= MAX_COMPARED)
    cheapestPairs(
      left.map((_, index) => index),
      right.map((_, index) => index),
      {
        pair: (a, b) => 2 - 2 * similarity(left[a]?.text ?? '', right[b]?.text ?? ''),
        skipLeft: () => 0.9,
        skipRight: () => 0.9,
      },
      { cells: (MAX_COMPARED + 1) ** 2 },
      (a, b) => partners.set(a, b),
    );
  const taken = new Set(partners.values());
  for (const [index, text] of left.entries()) pairs.push([text, right[partners.get(index) ?? -1]]);
  for (const [index, text] of right.entries()) if (!taken.has(index)) pairs.push([undefined, text]);
  return pairs;
}

const MIN_SIMILARITY = 0.4;

/** Strings that one side alone has, the first ones, each with the likest of the other. */
function pairOutOfOrder(alone: readonly TextPair[]): TextPair[] {
  const left = alone.flatMap(([text]) => text ?? []);
  const right = new Set(alone.flatMap(([, text]) => text ?? []));
  if (left.length > MAX_COMPARED || right.size > MAX_COMPARED) return [...alone];
  const pairs = left.map((text): TextPair => {
    let best: Decoded | undefined;
    let most = MIN_SIMILARITY;
    for (const other of right) {
      const like = similarity(text.text, other.text);
      if (like <= most) continue;
      [best, most] = [other, like];
    }
    if (best !== undefined) right.delete(best);
    return [text, best];
  });
  return [...pairs, ...[...right].map((text): TextPair => [undefined, text])];
}

/** The share of the longer text that both have at their ends. */
function similarity(a: string, b: string): number {
  const { head, tail } = commonEnds(a, b);
  return (head + tail) / Math.max(a.length, b.length, 1);
}

function commonEnds(a: string, b: string): { head: number; tail: number } {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  return { head, tail };
}

function changeOf(
  a: Decoded | undefined,
  b: Decoded | undefined,
): Omit<TextChange, 'section'> | undefined {
  if (Math.max(a?.text.length ?? 0, b?.text.length ?? 0) < MIN_TEXT) return undefined;
  if (a === undefined || b === undefined)
    return { ...(a && { claimed: cut(a) }), ...(b && { observed: cut(b) }) };
  if (a.text === b.text) return undefined;
  const { head, tail } = commonEnds(a.text, b.text);
  const [from, end] = [Math.max(0, head - CONTEXT), Math.max(0, tail - CONTEXT)];
  return { claimed: cut(a, from, end), observed: cut(b, from, end) };
}

interface Decoded {
  bytes: Uint8Array;
  offset: number;
  unit: number;
  text: string;
}

const MAX_DECODED = 4096;

/** One character per unit, so that places in the text are places in the file. */
function decode(bytes: Uint8Array, { offset, size }: Span, wide: boolean): Decoded {
  const unit = wide ? 2 : 1;
  let text = '';
  for (let at = offset; at < offset + Math.min(size, MAX_DECODED); at += unit)
    text += String.fromCharCode(bytes[at] ?? 0);
  return { bytes, offset, unit, text };
}

function cut({ bytes, offset, unit, text }: Decoded, from = 0, end = 0): ChangedText {
  const shown = text.slice(from, Math.max(from, text.length - end)).slice(0, MAX_WINDOW);
  const place = { offset: offset + from * unit, length: shown.length * unit };
  return { ...place, text: unit === 2 ? shown : readable(bytes, place, shown) };
}

/** As UTF-8 where it is that; else with U+FFFD for what is not ASCII. */
function readable(
  bytes: Uint8Array,
  { offset, length }: { offset: number; length: number },
  shown: string,
): string {
  if (/^[\x20-\x7e]*$/.test(shown)) return shown;
  try {
    return decodeUtf8(bytes.subarray(offset, offset + length));
  } catch {
    return shown.replace(/[^\x20-\x7e]/g, '\ufffd');
  }
}
