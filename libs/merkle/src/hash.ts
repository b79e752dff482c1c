import { sha256 } from '@noble/hashes/sha2.js';
import { MerkleError } from './errors.js';

/** SHA-256 (FIPS 180-4) in one call: any bytes in, 32 bytes out. It must not keep its input. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** The three hashes of RFC 6962 section 2.1. All results are 32 bytes. */
export interface TreeHasher {
  /** SHA-256(0x00 || data) */
  leaf(data: Uint8Array): Uint8Array;
  /** SHA-256(0x01 || left || right) */
  node(left: Uint8Array, right: Uint8Array): Uint8Array;
  /** SHA-256 of nothing: the root of a tree without leaves. */
  empty(): Uint8Array;
}

export const HASH_SIZE = 32;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** RFC 6962 hashing over the SHA-256 that the caller trusts; services pass node:crypto. */
export function treeHasher(sha256: Sha256): TreeHasher {
  return {
    leaf(data) {
      const input = new Uint8Array(1 + data.length);
      input[0] = LEAF_PREFIX;
      input.set(data, 1);
      return sha256(input);
    },
    node(left, right) {
      const input = new Uint8Array(1 + 2 * HASH_SIZE);
      input[0] = NODE_PREFIX;
      input.set(left, 1);
      input.set(right, 1 + HASH_SIZE);
      return sha256(input);
    },
    empty() {
      return sha256(new Uint8Array(0));
    },
  };
}

/** RFC 6962 hashing that works everywhere. */
export const rfc6962: TreeHasher = treeHasher(sha256);

/** Refuses a hash that is not 32 bytes: concatenating a shorter one would change what is hashed. */
export function checkHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_SIZE) {
    throw new MerkleError('hash-length', `${what} has ${hash.length} bytes, a hash has 32`);
  }
}

/** Nothing compared here is secret, so the time it takes may depend on the bytes. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
