import { decodeUtf8 } from '@touchstone/note';

import { WasmError } from './errors.js';
import { MAX_NAME_BYTES } from './limits.js';

/**
 * Reads the primitive values of the WebAssembly binary format (core specification 5.2) from a
 * window of a file. Offsets are those of the file, so that an error names the byte a person finds
 * in a hex dump.
 *
 * The specification lets an integer be padded up to the width of its type, and real linkers do so
 * (Go's pads every section size to five bytes). With `canonical` only the shortest form is read.
 */
export class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public offset: number,
    readonly end: number,
    readonly canonical: boolean,
  ) {}

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(field: string): number {
    const byte = this.offset < this.end ? this.bytes[this.offset] : undefined;
    if (byte === undefined) {
      throw new WasmError('truncated', this.offset, `the bytes end inside ${field}`);
    }
    this.offset += 1;
    return byte;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(field: string): number {
    const start = this.offset;
    // Nearly all integers take one byte.
    const only = start < this.end ? this.bytes[start] : undefined;
    if (only !== undefined && only < 0x80) {
      this.offset = start + 1;
      return only;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8(field);
      if (shift === 28 && byte > 0x0f) {
        throw new WasmError('leb-out-of-range', start, `${field} does not fit in 32 bits`);
      }
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (this.canonical && byte === 0 && shift > 0) this.refuseOverlong(field, start);
        break;
      }
    }
    return value >>> 0;
  }

  /** Steps over an unsigned LEB128 of at most 64 bits. */
  skipU64(field: string): void {
    const start = this.offset;
    for (let length = 1; length <= 10; length += 1) {
      const byte = this.u8(field);
      if (length === 10 && byte > 0x01) break;
      if (byte < 0x80) {
        if (this.canonical && byte === 0 && length > 1) this.refuseOverlong(field, start);
        return;
      }
    }
    throw new WasmError('leb-out-of-range', start, `${field} does not fit in 64 bits`);
  }

  /** Steps over a signed LEB128 of at most `bits` bits. */
  skipSigned(bits: 32 | 33 | 64, field: string): void {
    const start = this.offset;
    const maxLength = Math.ceil(bits / 7);
    let previous = 0;
    for (let length = 1; length <= maxLength; length += 1) {
      const byte = this.u8(field);
      if (byte < 0x80) {
        if (length === maxLength && !isSignExtension(byte, bits - 7 * (maxLength - 1))) break;
        const repeatsSign =
          (byte === 0x00 && (previous & 0x40) === 0) || (byte === 0x7f && (previous & 0x40) !== 0);
        if (this.canonical && length > 1 && repeatsSign) this.refuseOverlong(field, start);
        return;
      }
      previous = byte;
    }
    throw new WasmError('leb-out-of-range', start, `${field} does not fit in ${bits} bits`);
  }

  /** Signed LEB128 of at most 33 bits: how types are written, indices and opcodes in one space. */
  s33(field: string): number {
    const start = this.offset;
    const only = start < this.end ? this.bytes[start] : undefined;
    if (only !== undefined && only < 0x80) {
      this.offset = start + 1;
      return only < 0x40 ? only : only - 0x80;
    }
    this.skipSigned(33, field);
    const length = this.offset - start;
    let value = 0;
    for (let at = 0; at < length; at += 1) {
      value += ((this.bytes[start + at] ?? 0) & 0x7f) * 2 ** (7 * at);
    }
    const negative = ((this.bytes[this.offset - 1] ?? 0) & 0x40) !== 0;
    return negative ? value - 2 ** (7 * length) : value;
  }

  /**
   * A count of items that take at least `minSize` bytes each. A count that the rest of the window
   * cannot hold is refused before anything is read, so no loop runs longer than its input.
   */
  count(field: string, limit: number, minSize: number): number {
    const start = this.offset;
    const count = this.u32(field);
    if (count > limit) {
      throw new WasmError('count-too-large', start, `${field} is ${count}, the limit is ${limit}`);
    }
    if (count * minSize > this.remaining) {
      const held = `the ${this.remaining} bytes that follow`;
      throw new WasmError('count-too-large', start, `${field} is ${count}, too many for ${held}`);
    }
    return count;
  }

  skip(length: number, field: string): void {
    if (length > this.remaining) {
      const message = `${field} takes ${length} bytes and ${this.remaining} are left`;
      throw new WasmError('truncated', this.offset, message);
    }
    this.offset += length;
  }

  /** Length-prefixed bytes; answers where they lie and leaves them undecoded. */
  skipVector(field: string, maxLength: number): { offset: number; size: number } {
    const start = this.offset;
    const size = this.u32(`the length of ${field}`);
    if (size > maxLength) {
      const message = `${field} has ${size} bytes, the limit is ${maxLength}`;
      throw new WasmError('name-too-long', start, message);
    }
    const offset = this.offset;
    this.skip(size, field);
    return { offset, size };
  }

  /** A name: length-prefixed UTF-8 (5.2.4). */
  text(field: string): string {
    const { offset, size } = this.skipVector(field, MAX_NAME_BYTES);
    try {
      return decodeUtf8(this.bytes.subarray(offset, offset + size));
    } catch (cause) {
      throw new WasmError('name-not-utf8', offset, `${field} is not UTF-8`, { cause });
    }
  }

  private refuseOverlong(field: string, start: number): never {
    throw new WasmError('leb-overlong', start, `${field} is padded; write it in its shortest form`);
  }
}

/** Whether the unused high bits of a last byte repeat the sign bit, the highest of `used` bits. */
function isSignExtension(byte: number, used: number): boolean {
  const high = (byte & 0x7f) >> (used - 1);
  return high === 0 || high === 0x7f >> (used - 1);
}
