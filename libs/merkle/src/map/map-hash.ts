import { sha256 } from '@noble/hashes/sha2.js';
import { MerkleError } from '../errors.js';
import { checkHash, HASH_SIZE, treeHasher, type Sha256, type TreeHasher } from '../hash.js';
import { isTreeNumber } from '../numbers.js';

/**
 * The hashes of the map. Their first bytes differ from one another and from those of RFC 6962, so
 * that nothing of a map can be passed off as something of a log or the other way round.
 */
export interface MapHasher {
  /** SHA-256(0x10 || key || count as 8 bytes, big-endian || root of the list) */
  leaf(key: Uint8Array, count: number, listRoot: Uint8Array): Uint8Array;
  /** SHA-256(0x11 || left || right) */
  node(left: Uint8Array, right: Uint8Array): Uint8Array;
  /** SHA-256(0x12): a subtree without keys. */
  readonly empty: Uint8Array;
  /** Hashes the list of each key, an RFC 6962 tree of pages. */
  readonly list: TreeHasher;
}

/** Bytes of a key: any SHA-256. */
export const MAP_KEY_SIZE = HASH_SIZE;

const LEAF_PREFIX = 0x10;
const NODE_PREFIX = 0x11;
const EMPTY_PREFIX = 0x12;

/**
 * Inputs are put together in memory that the next call uses again, as treeHasher does.
 *
 * @throws MerkleError `hash-length`, `map-key`, `map-list` from `leaf` and `node`
 */
export function mapHasher(sha256: Sha256): MapHasher {
  const leafInput = new Uint8Array(1 + MAP_KEY_SIZE + 8 + HASH_SIZE);
  leafInput[0] = LEAF_PREFIX;
  const nodeInput = new Uint8Array(1 + 2 * HASH_SIZE);
  nodeInput[0] = NODE_PREFIX;
  return {
    leaf(key, count, listRoot) {
      checkKey(key);
      checkHash(listRoot, 'root of the list');
      if (!isTreeNumber(count) || count === 0) {
        throw new MerkleError('map-list', `a list has 1 to 2^53-1 indices, not ${count}`);
      }
      leafInput.set(key, 1);
      writeUint64(leafInput, 1 + MAP_KEY_SIZE, count);
      leafInput.set(listRoot, 1 + MAP_KEY_SIZE + 8);
      return sha256(leafInput);
    },
    node(left, right) {
      checkHash(left, 'left node');
      checkHash(right, 'right node');
      nodeInput.set(left, 1);
      nodeInput.set(right, 1 + HASH_SIZE);
      return sha256(nodeInput);
    },
    empty: sha256(Uint8Array.of(EMPTY_PREFIX)),
    list: treeHasher(sha256),
  };
}

/** Map hashing that works everywhere. */
export const nobleMapHasher: MapHasher = mapHasher(sha256);

export function checkKey(key: Uint8Array): void {
  if (key.length !== MAP_KEY_SIZE) {
    throw new MerkleError('map-key', `a key of the map has 32 bytes, not ${key.length}`);
  }
}

/** The bit of a key that tells left (0) from right (1) at a depth, the root being at depth 0. */
export function keyBit(key: Uint8Array, depth: number): number {
  return ((key[Math.floor(depth / 8)] as number) >> (7 - (depth % 8))) & 1;
}

/** Big-endian, a safe integer; without bit operators, which would cut it to 32 bits. */
export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  let rest = value;
  for (let at = offset + 7; at >= offset; at--) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
