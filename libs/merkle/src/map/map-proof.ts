import { MerkleError } from '../errors.js';
import { checkHash, equalHashes } from '../hash.js';
import { verifyInclusion } from '../verify.js';
import { isTreeNumber } from '../numbers.js';
import { checkKey, keyBit, MAP_KEY_SIZE, nobleMapHasher, type MapHasher } from './map-hash.js';
import { encodePage, LIST_PAGE_SIZE, listPages, type ListPage } from './posting-list.js';

/** The list of a key as the map's leaf commits to it. */
export interface ListHead {
  /** Indices on the list, at least 1. */
  readonly count: number;
  readonly root: Uint8Array;
}

/**
 * What the map has for a key. The way of a key through the map ends at the leaf of this key, at
 * that of another one, or at nothing; the last two prove that the key is not there.
 */
export interface MapProof {
  /** From the end of the way up to the root; at most 256. */
  readonly siblings: readonly Uint8Array[];
  /** The list, when the key is there. */
  readonly list?: ListHead;
  /** The leaf in whose place the key would be, when there is one. */
  readonly other?: ListHead & { readonly key: Uint8Array };
}

/** Most siblings a proof can have: one for each bit of a key. */
export const MAX_MAP_DEPTH = MAP_KEY_SIZE * 8;

/**
 * The root that a map must have for the proof to hold. Alone it proves nothing: compare it.
 *
 * @throws MerkleError `map-proof`, `map-key`, `map-list`, `hash-length`
 */
export function rootFromMapProof(
  key: Uint8Array,
  proof: MapProof,
  hasher: MapHasher = nobleMapHasher,
): Uint8Array {
  checkKey(key);
  const { siblings, list, other } = proof;
  if (siblings.length > MAX_MAP_DEPTH) {
    throw new MerkleError('map-proof', `the map proof has ${siblings.length} hashes, over 256`);
  }
  if (list && other) {
    throw new MerkleError('map-proof', 'the map proof shows the key and another in its place');
  }
  if (other) checkOther(key, other.key, siblings.length);
  let hash = hasher.empty;
  if (list) hash = hasher.leaf(key, list.count, list.root);
  if (other) hash = hasher.leaf(other.key, other.count, other.root);
  let depth = siblings.length;
  for (const sibling of siblings) {
    depth--;
    hash = keyBit(key, depth) === 0 ? hasher.node(hash, sibling) : hasher.node(sibling, hash);
  }
  return hash;
}

/** A leaf says that another key is absent only when it stands on that key's way. */
function checkOther(key: Uint8Array, other: Uint8Array, depth: number): void {
  checkKey(other);
  if (equalHashes(key, other)) {
    throw new MerkleError('map-proof', 'the map proof has the key itself as the other one');
  }
  for (let at = 0; at < depth; at++) {
    if (keyBit(key, at) !== keyBit(other, at)) {
      throw new MerkleError('map-proof', `the other key leaves the way of this one at bit ${at}`);
    }
  }
}

/**
 * Checks what the map with this root has for a key.
 *
 * @returns the list, or undefined: the key is proved to be absent
 * @throws MerkleError `root-mismatch`, and as rootFromMapProof does
 */
export function verifyMapProof(
  key: Uint8Array,
  proof: MapProof,
  root: Uint8Array,
  hasher: MapHasher = nobleMapHasher,
): ListHead | undefined {
  checkHash(root, 'root of the map');
  if (!equalHashes(rootFromMapProof(key, proof, hasher), root)) {
    throw new MerkleError('root-mismatch', 'the map proof leads to another root');
  }
  return proof.list;
}

/**
 * Checks one page of a list. All `listPages(list.count)` pages together are the whole list; a page
 * alone says nothing of the others.
 *
 * @throws MerkleError `map-list`, `root-mismatch`, `proof-length`, `index-out-of-range`
 */
export function verifyListPage(
  list: ListHead,
  { number, indices, proof }: ListPage,
  hasher: MapHasher = nobleMapHasher,
): void {
  const size = listPages(list.count);
  if (!isTreeNumber(number) || number >= size) {
    throw new MerkleError('index-out-of-range', `page ${number} of a list of ${size} pages`);
  }
  const due = Math.min(LIST_PAGE_SIZE, list.count - number * LIST_PAGE_SIZE);
  if (indices.length !== due) {
    throw new MerkleError('map-list', `page ${number} has ${indices.length} indices, not ${due}`);
  }
  let last = -1;
  for (const index of indices) {
    if (!isTreeNumber(index) || index <= last) {
      throw new MerkleError('map-list', `index ${index} after ${last}: a list must ascend`);
    }
    last = index;
  }
  const leafHash = hasher.list.leaf(encodePage(indices));
  verifyInclusion({ index: number, size, leafHash, proof, root: list.root }, hasher.list);
}
