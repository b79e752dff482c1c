type PlainValue = number | boolean | null | Uint8Array | readonly PlainValue[];

/** Deepest nesting that is read here; deeper items are the general decoder's. */
const MAX_DEPTH = 4;

/**
 * Reads a data item of whole numbers, byte strings, arrays, booleans and null alone; undefined for
 * any other. Of these nothing is left to be held against the deterministic encoding once lengths
 * and heads were checked, so the item is neither encoded again nor copied: byte strings are views.
 *
 * @param bytes one whole item that `cborItemLength` has passed
 */
export function decodePlain(bytes: Uint8Array): PlainValue | undefined {
  return new PlainReader(bytes).item(0);
}

class PlainReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  item(depth: number): PlainValue | undefined {
    const first = this.#bytes[this.#at++] as number;
    if (first === 0xf4 || first === 0xf5) return first === 0xf5;
    if (first === 0xf6) return null;
    const major = first >> 5;
    if (major !== 0 && major !== 2 && major !== 4) return undefined;
    const value = this.#argument(first & 0x1f);
    if (major === 0) return Number.isSafeInteger(value) ? value : undefined;
    if (major === 4) return depth < MAX_DEPTH ? this.#list(value, depth + 1) : undefined;
    this.#at += value;
    return this.#bytes.subarray(this.#at - value, this.#at);
  }

  #list(length: number, depth: number): PlainValue[] | undefined {
    const list: PlainValue[] = [];
    for (let i = 0; i < length; i++) {
      const item = this.item(depth);
      if (item === undefined) return undefined;
      list.push(item);
    }
    return list;
  }

  #argument(info: number): number {
    if (info < 24) return info;
    let value = 0;
    for (let left = 2 ** (info - 24); left > 0; left--) {
      value = value * 256 + (this.#bytes[this.#at++] as number);
    }
    return value;
  }
}
