import { sha256 } from '@noble/hashes/sha2.js';
import { MerkleError } from './errors.js';
import { NODE_INPUT_SIZE, nodeSha256 } from './node-sha256.js';

/**
 * SHA-256 (FIPS 180-4) in one call: any bytes in, 32 new bytes out. It must not keep its input,
 * whose memory is used again.
 */
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

/** Leaves up to this size are hashed without allocating; longer ones are rare in a log. */
const LEAF_SCRATCH_SIZE = 2048;

/**
 * RFC 6962 hashing over the SHA-256 that the caller trusts; services pass node:crypto.
 *
 * Inputs are put together in memory that the next call uses again: allocating it for each call
 * costs as much as the hash does.
 *
 * @param sha256Of65 for nodes, whose input is always 65 bytes, where there is one that is faster
 * @throws MerkleError `hash-length` from `node` when a side is not 32 bytes
 */
export function treeHasher(sha256: Sha256, sha256Of65: Sha256 = sha256): TreeHasher {
  const leafScratch = new Uint8Array(1 + LEAF_SCRATCH_SIZE);
  leafScratch[0] = LEAF_PREFIX;
  const nodeScratch = new Uint8Array(NODE_INPUT_SIZE);
  nodeScratch[0] = NODE_PREFIX;
  return {
    leaf(data) {
      const size = 1 + data.length;
      const input =
        size <= leafScratch.length ? leafScratch.subarray(0, size) : new Uint8Array(size);
      input.set(data, 1);
      return sha256(input);
    },
    node(left, right) {
      checkHash(left, 'left node');
      checkHash(right, 'right node');
      nodeScratch.set(left, 1);
      nodeScratch.set(right, 1 + HASH_SIZE);
      return sha256Of65(nodeScratch);
    },
    empty() {
      return sha256(new Uint8Array(0));
    },
  };
}

/** RFC 6962 hashing that works everywhere. */
export const rfc6962: TreeHasher = treeHasher(sha256, nodeSha256);

/**
 * Refuses a hash that is not 32 bytes: concatenating a shorter one would change what is hashed.
 * `at` is which of several it is; their names are not made before one is refused.
 */
export function checkHash(hash: Uint8Array, what: string, at?: number): void {
  if (hash.length !== HASH_SIZE) {
    const which = at === undefined ? what : `${what} ${at}`;
    throw new MerkleError('hash-length', `${which} has ${hash.length} bytes, a hash has 32`);
  }
}

/** Nothing compared here is secret, so the time it takes may depend on the bytes. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
