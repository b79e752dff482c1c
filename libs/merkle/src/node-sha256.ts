import { _SHA256 } from '@noble/hashes/sha2.js';

/** Bytes that a node of the tree is hashed from: a prefix and two hashes. */
export const NODE_INPUT_SIZE = 65;

const BLOCK = 64;

/**
 * SHA-256 of 65 bytes and nothing else, on the compression of noble: two blocks whose padding never
 * changes, in memory that is used again. Half of what a call of `sha256` costs goes into making the
 * object that takes any number of bytes.
 */
class NodeSha256 extends _SHA256 {
  readonly #blocks = new Uint8Array(2 * BLOCK);
  readonly #words = new DataView(this.#blocks.buffer);
  readonly #initial = this.get();

  constructor() {
    super();
    // FIPS 180-4 section 5.1.1: a one, zeros, the length in bits.
    this.#blocks[NODE_INPUT_SIZE] = 0x80;
    this.#words.setUint32(2 * BLOCK - 4, 8 * NODE_INPUT_SIZE);
  }

  hash(input: Uint8Array): Uint8Array {
    this.#blocks.set(input);
    this.set(...this.#initial);
    this.process(this.#words, 0);
    this.process(this.#words, BLOCK);
    const digest = new Uint8Array(this.outputLen);
    const words = this.get();
    for (let i = 0, at = 0; i < words.length; i++) {
      const word = words[i] as number;
      digest[at++] = word >>> 24;
      digest[at++] = word >>> 16;
      digest[at++] = word >>> 8;
      digest[at++] = word;
    }
    return digest;
  }
}

const hasher = new NodeSha256();

/** SHA-256 of the input of a node: exactly {@link NODE_INPUT_SIZE} bytes. */
export function nodeSha256(input: Uint8Array): Uint8Array {
  return hasher.hash(input);
}
