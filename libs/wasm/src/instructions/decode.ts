import type { WasmErrorCode } from '../errors.js';
import type { Span } from '../module.js';
import { joinOpcode, MAX_PREFIXED, opcodeOf, PREFIXES } from './opcodes.js';
import { TOKEN, Tokens } from './tokens.js';

/** Larger bodies are compared as bytes: some 40 MB of tokens on each side is the most we hold. */
const MAX_TOKENS = 4_000_000;

const NO_OPCODE = '?';
/** Of a local, the commonest operand. */
const LITERAL = 'x';
/** Operand letters by opcode, in arrays because a map is too slow for millions of look-ups. */
const SINGLE_OPERANDS = operandsOf(0);
const PREFIXED_OPERANDS: ReadonlyMap<number, readonly string[]> = new Map(
  Object.values(PREFIXES).map((prefix) => [prefix, operandsOf(prefix)]),
);

function operandsOf(prefix: number): string[] {
  const last = prefix === 0 ? 0xff : MAX_PREFIXED;
  return Array.from({ length: last + 1 }, (_, opcode) => {
    const joined = prefix === 0 ? opcode : joinOpcode(prefix, opcode);
    return opcodeOf(joined)?.operands ?? NO_OPCODE;
  });
}

/** Kinds of token, by letter, of the operands that are one unsigned integer. */
const INDEX_KINDS: readonly (number | undefined)[] = Array.from({ length: 0x80 }, (_, letter) => {
  const kinds: Readonly<Record<string, number>> = {
    ...{ x: TOKEN.literal, l: TOKEN.literal, n: TOKEN.literal, f: TOKEN.function, t: TOKEN.type },
    ...{ g: TOKEN.global, T: TOKEN.table, m: TOKEN.memory, d: TOKEN.data, e: TOKEN.element },
    k: TOKEN.tag,
  };
  return kinds[String.fromCharCode(letter)];
});

export interface DecodeFailure {
  code: WasmErrorCode;
  offset: number;
  reason: string;
}

/**
 * Reads function bodies and constant expressions into tokens (core specification 5.4). A body that
 * cannot be read is no exception here but a `failure`: a hostile module may have a million of them.
 * Nesting is counted, not followed, so no depth of it costs more than its bytes.
 */
export class InstructionDecoder {
  readonly tokens = new Tokens();
  failure: DecodeFailure | undefined;
  #at = 0;
  #end = 0;
  #depth = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** Locals, then instructions to the `end` that closes the body, which is its last byte. */
  body(span: Span): boolean {
    this.#begin(span);
    this.#locals();
    this.#instructions();
    if (this.failure === undefined && this.#at !== this.#end)
      this.#fail('function-malformed', 'the function ends before its body does');
    return this.failure === undefined;
  }

  #begin({ offset, size }: Span): void {
    this.tokens.length = 0;
    this.failure = undefined;
    this.#at = offset;
    this.#end = offset + size;
    this.#depth = 1;
  }

  #locals(): void {
    const { tokens } = this;
    const groups = this.#u32();
    tokens.push(TOKEN.literal, groups, this.#at);
    for (let group = 0; group < groups && this.failure === undefined; group += 1) {
      const place = this.#at;
      tokens.push(TOKEN.literal, this.#u32(), place);
      this.#valueType();
    }
  }

  #instructions(): void {
    const { tokens } = this;
    while (this.#depth > 0 && this.failure === undefined) {
      const place = this.#at;
      const byte = this.#byte();
      const prefixed = byte >= PREFIXES.gc ? PREFIXED_OPERANDS.get(byte) : undefined;
      const opcode = prefixed === undefined ? byte : this.#u32();
      const operands = (prefixed ?? SINGLE_OPERANDS)[opcode] ?? NO_OPCODE;
      const joined = prefixed === undefined ? byte : joinOpcode(byte, opcode);
      if (operands === NO_OPCODE) {
        this.#fail('function-malformed', `0x${joined.toString(16)} is no known opcode`, place);
        return;
      }
      tokens.push(TOKEN.opcode, joined, place);
      if (operands === LITERAL) tokens.push(TOKEN.literal, this.#u32(), place + 1);
      else if (operands !== '')
        for (let index = 0; index < operands.length; index += 1)
          this.#operand(operands.charCodeAt(index));
      if (prefixed === undefined && byte <= 0x1f) this.#nest(byte);
      if (tokens.length > MAX_TOKENS)
        this.#fail('count-too-large', `the function has more than ${MAX_TOKENS} operands`);
    }
  }

  #nest(opcode: number): void {
    if (opcode === 0x0b || opcode === 0x18) this.#depth -= 1;
    else if ((opcode >= 0x02 && opcode <= 0x04) || opcode === 0x06 || opcode === 0x1f) {
      this.#depth += 1;
    }
  }

  #operand(letter: number): void {
    const index = INDEX_KINDS[letter];
    if (index === undefined) {
      this.#otherOperand(letter);
      return;
    }
    const place = this.#at;
    this.tokens.push(index, this.#u32(), place);
  }

  #otherOperand(letter: number): void {
    const place = this.#at;
    switch (letter) {
      case 0x73: // s
        this.#signed(5, 0);
        break;
      case 0x53: // S
        this.#signed(10, TOKEN.constantHigh);
        break;
      case 0x61: // a
        this.#memoryArgument();
        break;
      case 0x62: // b
      case 0x68: // h
        this.#heapType();
        break;
      case 0x69: // i
        this.tokens.push(TOKEN.literal, this.#byte(), place);
        break;
      case 0x77: // w
        this.#words(1);
        break;
      case 0x57: // W
        this.#words(2);
        break;
      case 0x56: // V
        this.#words(4);
        break;
      default:
        this.#vector(letter);
    }
  }

  #vector(letter: number): void {
    const place = this.#at;
    const count = this.#u32();
    if (count > this.#end - this.#at) {
      this.#fail('count-too-large', `${count} items cannot fit what is left of the body`, place);
      return;
    }
    this.tokens.push(TOKEN.literal, count, place);
    // Of a table of branches, the default comes after the others.
    const items = letter === 0x4c ? count + 1 : count;
    for (let item = 0; item < items && this.failure === undefined; item += 1) {
      if (letter === 0x4c) this.#operand(0x6c);
      else if (letter === 0x76) this.#valueType();
      else this.#catchClause();
    }
  }

  #catchClause(): void {
    const place = this.#at;
    const kind = this.#byte();
    if (kind > 3) this.#fail('function-malformed', `a catch clause of kind ${kind}`, place);
    this.tokens.push(TOKEN.literal, kind, place);
    if (kind < 2) this.#operand(0x6b);
    this.#operand(0x6c);
  }

  #memoryArgument(): void {
    const { tokens } = this;
    const place = this.#at;
    const flags = this.#u32();
    tokens.push(TOKEN.literal, flags, place);
    // Bit 6 says that a memory is named (multiple memories).
    if ((flags & 0x40) !== 0) this.#operand(0x6d);
    this.#unsigned64();
  }

  /** A number type, an abstract heap type, or the index of a type: 5.3.2 to 5.3.5. */
  #heapType(): void {
    const place = this.#at;
    const byte = this.bytes[place] ?? 0;
    if (byte === 0x63 || byte === 0x64) this.#valueType();
    else if (byte >= 0x40 && byte < 0x80) this.tokens.push(TOKEN.literal, this.#byte(), place);
    else this.tokens.push(TOKEN.type, this.#u32(), place);
  }

  #valueType(): void {
    const place = this.#at;
    const byte = this.#byte();
    this.tokens.push(TOKEN.literal, byte, place);
    if (byte === 0x63 || byte === 0x64) {
      const next = this.bytes[this.#at] ?? 0;
      if (next === 0x63 || next === 0x64)
        this.#fail('function-malformed', 'a reference to a reference', place);
      else this.#heapType();
    }
  }

  #words(count: number): void {
    const place = this.#at;
    if (this.#end - place < count * 4) {
      this.#fail('truncated', 'the body ends inside a constant', this.#end);
      return;
    }
    for (let word = 0; word < count; word += 1) {
      const at = place + 4 * word;
      const { bytes } = this;
      const value =
        (bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24);
      this.tokens.push(TOKEN.literal, value, at);
    }
    this.#at = place + 4 * count;
  }

  #byte(): number {
    if (this.#at >= this.#end) {
      this.#fail('truncated', 'the body ends inside an instruction', this.#end);
      return 0;
    }
    const byte = this.bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  /** As its 32 bits, so that it may be negative; compare with `>>> 0` where that matters. */
  #u32(): number {
    const first = this.bytes[this.#at] ?? 0;
    if (first < 0x80 && this.#at < this.#end) {
      this.#at += 1;
      return first;
    }
    const place = this.#at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      if (shift === 28 && byte > 0x0f)
        this.#fail('leb-out-of-range', 'an index does not fit in 32 bits', place);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80 || this.failure !== undefined) break;
    }
    return value >>> 0;
  }

  #unsigned64(): void {
    const place = this.#at;
    const first = this.bytes[place] ?? 0;
    if (first < 0x80 && place < this.#end) {
      this.#at += 1;
      this.tokens.push(TOKEN.offset, first, place);
      return;
    }
    let [low, high, shift] = [0, 0, 0];
    for (;;) {
      const byte = this.#byte();
      if (shift === 63 && byte > 1)
        this.#fail('leb-out-of-range', 'an offset does not fit in 64 bits', place);
      low = withLow(low, byte & 0x7f, shift);
      high = withHigh(high, byte & 0x7f, shift);
      shift += 7;
      if (byte < 0x80 || this.failure !== undefined) break;
    }
    this.tokens.push(TOKEN.offset, low, place);
    if (high !== 0) this.tokens.push(TOKEN.offsetHigh, high, place);
  }

  #signed(maxLength: number, upper: number): void {
    const place = this.#at;
    let low = 0;
    let high = 0;
    let shift = 0;
    for (;;) {
      const byte = this.#byte();
      low = withLow(low, byte & 0x7f, shift);
      high = withHigh(high, byte & 0x7f, shift);
      shift += 7;
      if (byte < 0x80 || this.failure !== undefined) {
        const negative = (byte & 0x40) !== 0;
        if (negative && shift < 32) low |= -1 << shift;
        if (negative && shift <= 32) high = -1;
        else if (negative && shift < 64) high |= -1 << (shift - 32);
        break;
      }
      if (shift === 7 * maxLength)
        this.#fail('leb-out-of-range', 'a constant is longer than its type', place);
    }
    this.tokens.push(TOKEN.constant, low, place);
    if (upper !== 0) this.tokens.push(upper, high, place);
  }

  #fail(code: WasmErrorCode, reason: string, offset = this.#at): void {
    this.failure ??= { code, offset, reason };
  }
}

function withLow(low: number, bits: number, shift: number): number {
  return shift < 32 ? low | (bits << shift) : low;
}

function withHigh(high: number, bits: number, shift: number): number {
  if (shift < 28) return high;
  return shift === 28 ? bits >>> 4 : high | (bits << (shift - 32));
}
