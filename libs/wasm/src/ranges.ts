import type { Span } from './module.js';

/** A stretch of differing bytes. A length of 0 marks where the other side has bytes in addition. */
export interface DifferingRange {
  /** In the claimed file. */
  offset: number;
  length: number;
  observedOffset: number;
  observedLength: number;
}

export interface DifferingRanges {
  ranges: DifferingRange[];
  /** More ranges were found than were asked for. */
  truncated: boolean;
}

/** Bytes of one file. */
export interface Piece extends Span {
  bytes: Uint8Array;
}

/** Ranges with fewer equal bytes than this between them are told as one. */
const MERGE_GAP = 8;

/**
 * The differing bytes of two pieces. Pieces of one size are compared position by position; else
 * what they share at both ends is taken off and the rest is one range.
 */
export function differingRanges(claimed: Piece, observed: Piece, limit: number): DifferingRanges {
  if (claimed.size === observed.size) return rangesByPosition(claimed, observed, limit);
  const shorter = Math.min(claimed.size, observed.size);
  const head = commonPrefix(claimed, observed, shorter);
  const tail = commonSuffix(claimed, observed, shorter - head);
  const range = {
    offset: claimed.offset + head,
    length: claimed.size - head - tail,
    observedOffset: observed.offset + head,
    observedLength: observed.size - head - tail,
  };
  return limit > 0 ? { ranges: [range], truncated: false } : { ranges: [], truncated: true };
}

export function samePiece(claimed: Piece, observed: Piece): boolean {
  if (claimed.size !== observed.size) return false;
  return commonPrefix(claimed, observed, claimed.size) === claimed.size;
}

/** Without what else the span is part of: a copy of all of it, often enough, is slow. */
export function pieceOf(bytes: Uint8Array, { offset, size }: Span): Piece {
  return { bytes, offset, size };
}

/** 32 bits that tell contents apart quickly, with no resistance to anyone who wants them equal. */
export function fingerprint({ bytes, offset, size }: Piece): number {
  let low = 0x811c9dc5;
  let high = size;
  const end = offset + size;
  let position = offset;
  for (; position + 4 <= end; position += 4) {
    const word =
      (bytes[position] ?? 0) |
      ((bytes[position + 1] ?? 0) << 8) |
      ((bytes[position + 2] ?? 0) << 16) |
      ((bytes[position + 3] ?? 0) << 24);
    low = Math.imul(low ^ word, 0x01000193) ^ (word >>> 15);
    high = Math.imul(high ^ (low >>> 15) ^ word, 0x85ebca6b);
  }
  for (; position < end; position += 1) {
    const byte = bytes[position] ?? 0;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ (low >>> 15) ^ byte, 0x85ebca6b);
  }
  return high ^ low;
}

function rangesByPosition(claimed: Piece, observed: Piece, limit: number): DifferingRanges {
  const ranges: DifferingRange[] = [];
  const { bytes: a, offset: aStart, size } = claimed;
  const { bytes: b, offset: bStart } = observed;
  let last: DifferingRange | undefined;
  for (let position = 0; position < size; position += 1) {
    if (a[aStart + position] === b[bStart + position]) continue;
    const offset = aStart + position;
    if (last !== undefined && offset - (last.offset + last.length) < MERGE_GAP) {
      last.length = last.observedLength = offset + 1 - last.offset;
      continue;
    }
    if (ranges.length === limit) return { ranges, truncated: true };
    last = { offset, length: 1, observedOffset: bStart + position, observedLength: 1 };
    ranges.push(last);
  }
  return { ranges, truncated: false };
}

function commonPrefix(claimed: Piece, observed: Piece, max: number): number {
  const { bytes: a, offset: aStart } = claimed;
  const { bytes: b, offset: bStart } = observed;
  let length = 0;
  while (length < max && a[aStart + length] === b[bStart + length]) length += 1;
  return length;
}

function commonSuffix(claimed: Piece, observed: Piece, max: number): number {
  const { bytes: a } = claimed;
  const { bytes: b } = observed;
  const aLast = claimed.offset + claimed.size - 1;
  const bLast = observed.offset + observed.size - 1;
  let length = 0;
  while (length < max && a[aLast - length] === b[bLast - length]) length += 1;
  return length;
}
