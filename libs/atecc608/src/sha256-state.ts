import { concatBytes } from '@noble/hashes/utils.js';
import { readU32le, u32le } from './bytes.js';

/**
 * SHA-256 (FIPS 180-4) whose state can be taken out and put back, as the chip's SHA command does:
 * four bytes of length, the eight working words little endian, and up to 63 buffered bytes.
 */

const MAX_LENGTH = 0xffff_ffff;

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes, and square roots of eight. */
const [INITIAL, ROUND] = constants();

export class Sha256State {
  private readonly words: Uint32Array;
  private buffered = new Uint8Array(0);
  private total = 0;

  constructor() {
    this.words = INITIAL.slice();
  }

  /** Bytes taken in so far. */
  get length(): number {
    return this.total;
  }

  update(bytes: Uint8Array): this {
    const input = concatBytes(this.buffered, bytes);
    let offset = 0;
    for (; offset + 64 <= input.length; offset += 64) {
      compress(this.words, input.subarray(offset, offset + 64));
    }
    this.buffered = input.slice(offset);
    this.total += bytes.length;
    return this;
  }

  /** The digest so far; the state can go on. */
  digest(): Uint8Array {
    const words = this.words.slice();
    const blocks = this.buffered.length < 56 ? 1 : 2;
    const tail = new Uint8Array(blocks * 64);
    tail.set(this.buffered);
    tail[this.buffered.length] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(this.total / 0x2000_0000));
    view.setUint32(tail.length - 4, (this.total * 8) >>> 0);
    for (let i = 0; i < blocks; i++) compress(words, tail.subarray(i * 64, i * 64 + 64));
    const out = new Uint8Array(32);
    const outView = new DataView(out.buffer);
    words.forEach((word, i) => {
      outView.setUint32(i * 4, word);
    });
    return out;
  }

  /** 36 to 99 bytes. */
  save(): Uint8Array {
    return concatBytes(
      u32le(this.total),
      ...Array.from(this.words, (word) => u32le(word)),
      this.buffered,
    );
  }

  /** Undefined when the bytes are no saved state. */
  static restore(saved: Uint8Array): Sha256State | undefined {
    if (saved.length < 36 || saved.length > 99) return undefined;
    const total = readU32le(saved, 0);
    if (total % 64 !== saved.length - 36 || total > MAX_LENGTH) return undefined;
    const state = new Sha256State();
    for (let i = 0; i < 8; i++) state.words[i] = readU32le(saved, 4 + i * 4);
    state.buffered = saved.slice(36);
    state.total = total;
    return state;
  }
}

function compress(state: Uint32Array, block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, 64);
  const w = new Uint32Array(64);
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(i * 4);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[i] = w[i - 16]! + small0 + w[i - 7]! + small1;
  }
  const v = state.slice();
  for (let i = 0; i < 64; i++) {
    const [a, b, c, d, e, f, g, h] = v as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = h + big1 + ((e & f) ^ (~e & g)) + ROUND[i]! + w[i]!;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = big0 + ((a & b) ^ (a & c) ^ (b & c));
    v.set([first + second, a, b, c, d + first, e, f, g]);
  }
  state.forEach((word, i) => {
    state[i] = word + v[i]!;
  });
}

function rotate(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n));
}

function constants(): [Uint32Array, Uint32Array] {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  const fraction = (root: number): number => ((root - Math.floor(root)) * 0x1_0000_0000) >>> 0;
  return [
    Uint32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p))),
    Uint32Array.from(primes, (p) => fraction(Math.cbrt(p))),
  ];
}
