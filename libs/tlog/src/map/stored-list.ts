import { HASH_SIZE, LIST_PAGE_SIZE } from '@touchstone/merkle';
import { TlogError } from '../error.js';

/**
 * The list of a key as its bucket holds it: the indices after the last full page, and where the
 * full pages stand.
 */
export interface StoredList {
  readonly count: number;
  /** Offsets in the file of pages: of page 0, page 1, pages 2 and 3, pages 4 to 7 and so on. */
  readonly extents: readonly number[];
  /** Root of the tree of the full pages; nothing while there are none. */
  readonly full: Uint8Array;
  /** The last `count % 256` indices. */
  readonly tail: readonly number[];
}

/** Extents that hold the full pages of a list. */
export function extentsOf(pages: number): number {
  return pages === 0 ? 0 : pages === 1 ? 1 : 1 + Math.ceil(Math.log2(pages));
}

/**
 * Stored: count, offsets, the first index of the tail and the distance of each next one, as
 * variable-length numbers of seven bits a byte, the lowest first (LEB128); the root before the tail.
 */
export function encodeList({ count, extents, full, tail }: StoredList): Uint8Array {
  const bytes: number[] = [];
  pushNumber(bytes, count);
  for (const offset of extents) pushNumber(bytes, offset);
  bytes.push(...full);
  let before = 0;
  for (const index of tail) {
    pushNumber(bytes, index - before);
    before = index;
  }
  return Uint8Array.from(bytes);
}

/** @throws TlogError `map-store` */
export function decodeList(bytes: Uint8Array, from: number, end: number): StoredList {
  const numbers = new Numbers(bytes, from, end);
  const count = numbers.next();
  if (count === 0) throw malformed();
  const extents: number[] = [];
  for (let i = extentsOf(Math.floor(count / LIST_PAGE_SIZE)); i > 0; i--) {
    extents.push(numbers.next());
  }
  const full = numbers.take(extents.length === 0 ? 0 : HASH_SIZE);
  const tail: number[] = [];
  let index = 0;
  for (let i = count % LIST_PAGE_SIZE; i > 0; i--) {
    index += numbers.next();
    tail.push(index);
  }
  if (!numbers.ended) throw malformed();
  return { count, extents, full, tail };
}

function pushNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}

class Numbers {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get ended(): boolean {
    return this.#at === this.#end;
  }

  take(length: number): Uint8Array {
    const from = this.#at;
    if (from + length > this.#end) throw malformed();
    this.#at += length;
    return new Uint8Array(this.#bytes.subarray(from, this.#at));
  }

  next(): number {
    let value = 0;
    for (let unit = 1; this.#at < this.#end && unit < Number.MAX_SAFE_INTEGER; unit *= 0x80) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
    }
    throw malformed();
  }
}

function malformed(): TlogError {
  return new TlogError('map-store', 'a list of the map is damaged');
}
