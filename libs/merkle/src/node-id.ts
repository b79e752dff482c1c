import { MerkleError } from './errors.js';
import { checkSize, isTreeNumber, MAX_LEVEL } from './numbers.js';

/**
 * A node of the tree by its place: it is the root of leaves
 * [index * 2^level, (index + 1) * 2^level). Level 0 are the leaf hashes.
 */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Refuses an id outside of any tree of safe size. */
export function checkNodeId({ level, index }: NodeId): void {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) {
    throw new MerkleError('level-out-of-range', `node level ${level} is not within 0 to 52`);
  }
  if (!isTreeNumber(index) || (index + 1) * 2 ** level > Number.MAX_SAFE_INTEGER) {
    throw new MerkleError('index-out-of-range', `node ${index} of level ${level} is in no tree`);
  }
}

/**
 * The perfect subtrees that leaves [begin, end) fall into, left to right, when the range is
 * itself cut as RFC 6962 cuts a tree: each next one is smaller than the one before.
 */
export function rangeNodes(begin: number, end: number): NodeId[] {
  const nodes: NodeId[] = [];
  let start = begin;
  let left = end - begin;
  let [level, width] = [0, 1];
  // From below: ranges are mostly small, and large widths are no small integers to the engine.
  for (; width * 2 <= left; width *= 2) level++;
  for (; left > 0; level--, width /= 2) {
    if (left < width) continue;
    nodes.push({ level, index: start / width });
    start += width;
    left -= width;
  }
  return nodes;
}

/** The nodes that a compact range of leaves [0, size) keeps, left to right. */
export function compactRangeNodes(size: number): NodeId[] {
  checkSize(size);
  return rangeNodes(0, size);
}

/**
 * The fewest perfect subtrees that leaves [begin, end) are, left to right. At most two of each
 * level, so their number grows with the logarithm of the range.
 *
 * @throws MerkleError `size-out-of-range`
 */
export function coveringNodes(begin: number, end: number): NodeId[] {
  checkSize(begin);
  checkSize(end);
  const nodes: NodeId[] = [];
  for (let start = begin; start < end;) {
    let level = 0;
    let width = 1;
    while (start % (width * 2) === 0 && width * 2 <= end - start) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: start / width });
    start += width;
  }
  return nodes;
}
