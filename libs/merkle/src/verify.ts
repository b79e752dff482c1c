import { MerkleError } from './errors.js';
import { checkHash, equalHashes, rfc6962, type TreeHasher } from './hash.js';
import { checkIndex, checkSize, half, isOdd } from './numbers.js';

/** What an inclusion proof speaks of. Hashes are 32 bytes; the proof runs from the leaf up. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface ConsistencyClaim {
  readonly size1: number;
  readonly root1: Uint8Array;
  readonly size2: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * The root that a tree must have for the proof to hold; RFC 9162 section 2.1.3.2, whose steps
 * are numbered below. The proof alone says nothing: compare the result with a root you trust.
 *
 * @throws MerkleError when the numbers are out of range or the proof has another length than
 * index and size demand
 */
export function rootFromInclusion(
  { index, size, leafHash, proof }: InclusionClaim,
  hasher: TreeHasher = rfc6962,
): Uint8Array {
  checkSize(size);
  checkIndex(index, 'leaf index');
  checkHash(leafHash, 'leaf hash');
  // Step 1
  if (index >= size) {
    throw new MerkleError('index-out-of-range', `leaf ${index} is not in a tree of size ${size}`);
  }
  // Steps 2 and 3
  let fn = index;
  let sn = size - 1;
  let root = leafHash;
  // Step 4
  for (let i = 0; i < proof.length; i++) {
    const hash = proof[i] as Uint8Array;
    checkHash(hash, 'inclusion proof: hash', i);
    if (sn === 0) throw proofLength('inclusion', 'longer');
    if (isOdd(fn) || fn === sn) {
      root = hasher.node(hash, root);
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      root = hasher.node(root, hash);
    }
    fn = half(fn);
    sn = half(sn);
  }
  // Step 5
  if (sn !== 0) throw proofLength('inclusion', 'shorter');
  return root;
}

/**
 * Checks that a leaf is at `index` in the tree of `size` leaves with this root.
 *
 * @throws MerkleError `root-mismatch` when it is not, or as rootFromInclusion does
 */
export function verifyInclusion(
  claim: InclusionClaim & { readonly root: Uint8Array },
  hasher: TreeHasher = rfc6962,
): void {
  checkHash(claim.root, 'root');
  if (!equalHashes(rootFromInclusion(claim, hasher), claim.root)) {
    throw new MerkleError('root-mismatch', 'the inclusion proof leads to another root');
  }
}

/**
 * Checks that the tree of size1 is a prefix of that of size2; RFC 9162 section 2.1.4.2.
 *
 * Two cases outside of the RFC have an empty proof: equal sizes, where the roots must be equal
 * and nothing else is asked of them, and size1 = 0, which is a prefix of everything but must come
 * with the root of an empty tree.
 *
 * @throws MerkleError `root-mismatch` when it is not, `proof-length`, `size-out-of-range`
 */
export function verifyConsistency(
  { size1, root1, size2, root2, proof }: ConsistencyClaim,
  hasher: TreeHasher = rfc6962,
): void {
  checkSize(size1, 'first tree size');
  checkSize(size2, 'second tree size');
  proof.forEach((hash, i) => checkHash(hash, 'consistency proof: hash', i));
  if (size1 > size2) {
    throw new MerkleError(
      'size-out-of-range',
      `first tree size ${size1} is larger than the second, ${size2}`,
    );
  }
  if (size1 !== size2) {
    checkHash(root1, 'first root');
    checkHash(root2, 'second root');
  }
  if (size1 === size2 || size1 === 0) {
    if (proof.length > 0) throw proofLength('consistency', 'longer');
    const expected = size1 === 0 ? hasher.empty() : root2;
    expectRoot(root1, expected, 'first');
    if (size2 === 0) expectRoot(root2, expected, 'second');
    return;
  }
  const [first, second] = rootsFromConsistency(size1, root1, size2, proof, hasher);
  // Step 7
  expectRoot(first, root1, 'first');
  expectRoot(second, root2, 'second');
}

function rootsFromConsistency(
  size1: number,
  root1: Uint8Array,
  size2: number,
  proof: readonly Uint8Array[],
  hasher: TreeHasher,
): [Uint8Array, Uint8Array] {
  // Steps 3 and 4: fn and sn without the levels at which tree 1 ends in a complete subtree
  let fn = size1 - 1;
  let sn = size2 - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  // Step 2: fn is 0 now just when size1 is a power of two, and the proof leaves root1 out
  const [start, ...rest] = fn === 0 ? [root1, ...proof] : proof;
  // Step 1; a proof without the complement of tree 1 is refused at the end
  if (start === undefined) throw proofLength('consistency', 'shorter');
  // Step 5
  let first = start;
  let second = start;
  // Step 6
  for (const hash of rest) {
    if (sn === 0) throw proofLength('consistency', 'longer');
    if (isOdd(fn) || fn === sn) {
      first = hasher.node(hash, first);
      second = hasher.node(hash, second);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      second = hasher.node(second, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) throw proofLength('consistency', 'shorter');
  return [first, second];
}

function expectRoot(actual: Uint8Array, expected: Uint8Array, which: string): void {
  if (!equalHashes(actual, expected)) {
    throw new MerkleError('root-mismatch', `the consistency proof does not fit the ${which} root`);
  }
}

function proofLength(kind: string, than: 'longer' | 'shorter'): MerkleError {
  return new MerkleError('proof-length', `the ${kind} proof is ${than} than the tree sizes demand`);
}
