/**
 * What a token of a function body is. Operands that name something by its place, which changes when
 * something is inserted before it, are told apart from those that mean the same in any module.
 */
export const TOKEN = {
  /** An opcode, see `joinOpcode`. */
  opcode: 0,
  /** Labels, locals, lanes, types, alignments: the same in any module. */
  literal: 1,
  function: 2,
  type: 3,
  global: 4,
  table: 5,
  memory: 6,
  data: 7,
  element: 8,
  tag: 9,
  /** An integer constant: a number, or an address. */
  constant: 10,
  /** The upper half of the constant before it. */
  constantHigh: 11,
  /** The offset of a memory argument: a number, or an address. */
  offset: 12,
  offsetHigh: 13,
} as const;

const FIRST_CAPACITY = 4096;

/**
 * The tokens of one function body, in parallel arrays that are used again for the next: there may
 * be millions of bodies, and tens of millions of tokens in one.
 */
export class Tokens {
  length = 0;
  kinds = new Uint8Array(FIRST_CAPACITY);
  values = new Int32Array(FIRST_CAPACITY);
  /** Where in the file the token stands. */
  places = new Uint32Array(FIRST_CAPACITY);

  push(kind: number, value: number, place: number): void {
    if (this.length === this.kinds.length) this.#grow();
    this.kinds[this.length] = kind;
    this.values[this.length] = value;
    this.places[this.length] = place;
    this.length += 1;
  }

  #grow(): void {
    const capacity = this.length * 2;
    const kinds = new Uint8Array(capacity);
    kinds.set(this.kinds);
    this.kinds = kinds;
    const values = new Int32Array(capacity);
    values.set(this.values);
    this.values = values;
    const places = new Uint32Array(capacity);
    places.set(this.places);
    this.places = places;
  }
}
