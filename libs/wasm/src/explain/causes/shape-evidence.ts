import type { DataSegment } from '../../data.js';
import type { Side } from '../../difference.js';
import { InstructionDecoder } from '../../instructions/decode.js';
import { TOKEN } from '../../instructions/tokens.js';
import type { EntriesOfSide, Pairing } from '../../pairing.js';
import { placed } from '../addresses.js';
import type { Facts } from '../facts.js';
import { cause, type Cause, type Evidence } from './cause.js';

/** Of code that is read to tell its shape, on each side. */
const MAX_BYTES = 4 * 1024 * 1024;
const MOST = 0.4;
/** Of indices, so that one side counts as a linker's raw output. */
const PADDED = 0.2;
const NOT_PADDED = 0.02;

/** How the indices in a side's code are written. */
interface Shape {
  /** In more bytes than they need. */
  padded: number;
  indices: number;
}

/**
 * Whether one side went through Binaryen's optimiser and the other did not: most functions differ,
 * and there are fewer of them (it inlines, merges and drops); what memory holds is the same, though
 * cut into other segments at its zeros (its pass `memory-packing`), or indices that a linker pads
 * are written in their shortest form.
 */
export function looksOptimised(facts: Facts): Cause | undefined {
  const { functions } = facts;
  const pair = facts.comparison.functions;
  const changed = functions.changed + functions.onlyClaimed + functions.onlyObserved;
  const total = functions.equal + functions.shifted + functions.moved + changed;
  if (changed < MOST * total || pair === undefined) return undefined;
  const [left, right] = [pair.claimed.entries.length, pair.observed.entries.length];
  if (left === right) return undefined;
  const side = left < right ? 'claimed' : 'observed';
  const other = left < right ? 'observed' : 'claimed';
  const packed = repackedMemory(facts.comparison.segments, side);
  const unpadded = paddedShare(pair[other]) > PADDED && paddedShare(pair[side]) < NOT_PADDED;
  if (packed === undefined && !unpadded) return undefined;
  const who = side === 'claimed' ? 'published' : 'rebuilt';
  const signs = [
    `it has ${Math.abs(left - right)} functions less`,
    ...(packed === undefined ? [] : ['it holds the same memory, cut into other segments']),
    ...(unpadded ? ['its indices are in their shortest form, those of the other are padded'] : []),
  ];
  const summary = `The ${who} module looks as Binaryen's optimiser leaves one: ${signs.join('; ')}.`;
  return cause('wasm-opt', 'likely', summary, [...(packed ?? []), ...codeOf(pair, side)]);
}

/** Evidence that memory begins the same on both sides, in more segments on this one. */
function repackedMemory(segments: Pairing | undefined, side: Side): Evidence[] | undefined {
  if (segments === undefined) return undefined;
  const other = side === 'claimed' ? 'observed' : 'claimed';
  const [mine, theirs] = [segments[side].entries, segments[other].entries];
  const [first, last] = [mine[0], mine.at(-1)];
  if (mine.length <= theirs.length || first === undefined || last === undefined) return undefined;
  if (memoryDigest(segments[side]) !== memoryDigest(segments[other])) return undefined;
  const length = last.offset + last.size - first.offset;
  return [{ side, section: 'data', offset: first.offset, length }];
}

/** Of each byte that is not zero with its address, in their order. */
function memoryDigest({ module, entries }: EntriesOfSide): number | undefined {
  let digest = 0x811c9dc5;
  let last = -1;
  for (const entry of entries) {
    const segment = placed(module.bytes, entry as DataSegment);
    if (segment === undefined || segment.address < last) return undefined;
    const { offset, size } = segment.content;
    last = segment.address + size;
    for (let at = 0; at < size; at += 1) {
      const byte = module.bytes[offset + at] ?? 0;
      if (byte === 0) continue;
      digest =
        Math.imul(digest ^ byte ^ ((segment.address + at) << 8), 0x01000193) ^ (digest >>> 15);
    }
  }
  return digest;
}

function codeOf(pair: Pairing, side: Side): Evidence[] {
  const { entries } = pair[side];
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return [];
  const length = last.offset + last.size - first.offset;
  return [{ side, section: 'code', offset: first.offset, length }];
}

/** The same instructions, with their indices padded on one side: how the linker was told to write. */
export function paddedSide(facts: Facts): Cause | undefined {
  const pair = facts.comparison.functions;
  if (pair === undefined || facts.functions.shifted === 0) return undefined;
  const [left, right] = [paddedShare(pair.claimed), paddedShare(pair.observed)];
  if (Math.max(left, right) < PADDED || Math.min(left, right) > NOT_PADDED) return undefined;
  const side = left > right ? 'claimed' : 'observed';
  const who = side === 'claimed' ? 'published' : 'rebuilt';
  const summary = `The ${who} module pads its indices to five bytes, the other writes them in their shortest form; the instructions are the same.`;
  return cause('relocation-padding', 'certain', summary, codeOf(pair, side));
}

function paddedShare(side: EntriesOfSide): number {
  const { padded, indices } = shapeOf(side);
  return padded / Math.max(indices, 1);
}

const shapes = new WeakMap<EntriesOfSide, Shape>();

function shapeOf(side: EntriesOfSide): Shape {
  const known = shapes.get(side);
  if (known !== undefined) return known;
  const shape = readShape(side);
  shapes.set(side, shape);
  return shape;
}

function readShape({ module, entries }: EntriesOfSide): Shape {
  const decoder = new InstructionDecoder(module.bytes);
  let [padded, indices, read] = [0, 0, 0];
  for (const entry of entries) {
    read += entry.size;
    if (read > MAX_BYTES) break;
    if (!decoder.body(entry)) continue;
    const { kinds, places, length } = decoder.tokens;
    for (let at = 0; at < length; at += 1) {
      const kind = kinds[at] ?? 0;
      if (kind !== TOKEN.function && kind !== TOKEN.global) continue;
      indices += 1;
      if (isPadded(module.bytes, places[at] ?? 0)) padded += 1;
    }
  }
  return { padded, indices };
}

/** A last byte of zero adds nothing but length. */
function isPadded(bytes: Uint8Array, place: number): boolean {
  let at = place;
  while ((bytes[at] ?? 0) >= 0x80) at += 1;
  return at > place && bytes[at] === 0;
}
