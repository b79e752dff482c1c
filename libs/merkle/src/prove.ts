import { foldRight } from './compact-range.js';
import { MerkleError } from './errors.js';
import { checkHash, rfc6962, type TreeHasher } from './hash.js';
import { rangeNodes, type NodeId } from './node-id.js';
import { checkIndex, checkSize, splitPoint } from './numbers.js';

/**
 * Reads one node of the tree. Only complete nodes are asked for, those whose leaves all exist at
 * the size in question, so tiles can answer. Nodes of one proof are asked for at the same time.
 */
export type GetNode = (id: NodeId) => Uint8Array | Promise<Uint8Array>;

/** Leaves [begin, end); one hash of a proof is the root of such a range. */
interface Range {
  begin: number;
  end: number;
}

/**
 * The audit path of leaf `index` in the tree of `size` leaves, as PATH of RFC 6962 section 2.1.1
 * orders it: from the leaf up.
 *
 * @throws MerkleError when the leaf is not in the tree, or getNode gives anything but 32 bytes
 */
export async function inclusionProof(
  index: number,
  size: number,
  getNode: GetNode,
  hasher: TreeHasher = rfc6962,
): Promise<Uint8Array[]> {
  checkSize(size);
  checkIndex(index, 'leaf index');
  if (index >= size) {
    throw new MerkleError('index-out-of-range', `leaf ${index} is not in a tree of size ${size}`);
  }
  const ranges: Range[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return rootsOf(ranges.reverse(), getNode, hasher);
}

/**
 * The proof that the tree of `size1` leaves is a prefix of that of `size2`, as PROOF of RFC 6962
 * section 2.1.2. Empty when `size1` is 0 or both sizes are equal.
 *
 * @throws MerkleError when size1 > size2, or getNode gives anything but 32 bytes
 */
export async function consistencyProof(
  size1: number,
  size2: number,
  getNode: GetNode,
  hasher: TreeHasher = rfc6962,
): Promise<Uint8Array[]> {
  checkSize(size1, 'first tree size');
  checkSize(size2, 'second tree size');
  if (size1 > size2) {
    throw new MerkleError(
      'size-out-of-range',
      `first tree size ${size1} is larger than the second, ${size2}`,
    );
  }
  if (size1 === 0 || size1 === size2) return [];
  const ranges: Range[] = [];
  let begin = 0;
  let end = size2;
  while (end !== size1) {
    const middle = begin + splitPoint(end - begin);
    if (size1 <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  // The subtree that both trees end with. A verifier holds it already when it is all of tree 1.
  if (begin !== 0) ranges.push({ begin, end });
  return rootsOf(ranges.reverse(), getNode, hasher);
}

async function rootsOf(
  ranges: Range[],
  getNode: GetNode,
  hasher: TreeHasher,
): Promise<Uint8Array[]> {
  const roots: Hash[] = [];
  // Nodes that are at hand are not waited for: waiting costs more than the proof.
  let waits = false;
  for (const range of ranges) {
    const root = attempt(() => rootOf(range, getNode, hasher));
    waits ||= !(root instanceof Uint8Array);
    roots.push(root);
  }
  return waits ? Promise.all(roots.map(promised)) : (roots as Uint8Array[]);
}

function rootOf({ begin, end }: Range, getNode: GetNode, hasher: TreeHasher): Hash {
  const ids = rangeNodes(begin, end);
  const [first] = ids;
  if (first && ids.length === 1) {
    // All but the last range of a tree are one subtree.
    const node = getNode(first);
    return node instanceof Uint8Array
      ? checked(node, first)
      : node.then((hash) => checked(hash, first));
  }
  const nodes = ids.map((id) => attempt(() => getNode(id)));
  return nodes.every((node) => node instanceof Uint8Array)
    ? fold(ids, nodes, hasher)
    : Promise.all(nodes.map(promised)).then((hashes) => fold(ids, hashes, hasher));
}

function checked(hash: Uint8Array, { index }: NodeId): Uint8Array {
  checkHash(hash, 'node', index);
  return hash;
}

async function promised(hash: Hash): Promise<Uint8Array> {
  return hash;
}

function fold(
  ids: readonly NodeId[],
  hashes: readonly Uint8Array[],
  hasher: TreeHasher,
): Uint8Array {
  hashes.forEach((hash, i) => checked(hash, ids[i] as NodeId));
  return foldRight(hashes, hasher);
}

type Hash = Uint8Array | Promise<Uint8Array>;

/** A refusal is one like any other, and does not keep those under way from being seen. */
function attempt(work: () => Hash): Hash {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}
