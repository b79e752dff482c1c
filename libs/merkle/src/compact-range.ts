import { MerkleError } from './errors.js';
import { checkHash, rfc6962, type TreeHasher } from './hash.js';
import { compactRangeNodes } from './node-id.js';
import { checkSize, half, isOdd } from './numbers.js';

/**
 * The right edge of a tree of leaves [0, size): the hashes of its perfect subtrees, left to
 * right, one for each bit set in `size`. Enough to append and to compute the root, with no need
 * of the leaves.
 */
export class CompactRange {
  readonly #hasher: TreeHasher;
  #size: number;
  #hashes: Uint8Array[];

  /** @throws MerkleError when the hashes are not as many as `size` needs, or not 32 bytes each */
  constructor(hasher: TreeHasher = rfc6962, size = 0, hashes: readonly Uint8Array[] = []) {
    checkSize(size);
    const expected = compactRangeNodes(size).length;
    if (hashes.length !== expected) {
      throw new MerkleError(
        'hash-count',
        `a compact range of size ${size} has ${expected} hashes, got ${hashes.length}`,
      );
    }
    hashes.forEach((hash, i) => checkHash(hash, `hash ${i} of the compact range`));
    this.#hasher = hasher;
    this.#size = size;
    this.#hashes = [...hashes];
  }

  get size(): number {
    return this.#size;
  }

  get hashes(): readonly Uint8Array[] {
    return this.#hashes;
  }

  /**
   * Adds one leaf hash. `onNode` sees each node that the leaf completes, the leaf first, then
   * upwards. If it throws, the range stays as it was.
   */
  append(
    leafHash: Uint8Array,
    onNode?: (level: number, index: number, hash: Uint8Array) => void,
  ): void {
    this.appendSubtree(0, leafHash, onNode);
  }

  /**
   * Adds 2^level leaves at once by the root of their perfect subtree, which must be aligned: the
   * size is a multiple of 2^level. `onNode` sees that root first, then what it completes.
   *
   * @throws MerkleError `index-out-of-range` when it is not aligned
   */
  appendSubtree(
    level: number,
    hash: Uint8Array,
    onNode?: (level: number, index: number, hash: Uint8Array) => void,
  ): void {
    checkHash(hash, level === 0 ? 'leaf hash' : 'subtree hash');
    const width = 2 ** level;
    if (!Number.isInteger(level) || level < 0 || width > Number.MAX_SAFE_INTEGER - this.#size) {
      throw new MerkleError(
        'size-out-of-range',
        `a subtree of level ${level} does not fit: a tree has at most 2^53-1 leaves`,
      );
    }
    if (this.#size % width !== 0) {
      throw new MerkleError(
        'index-out-of-range',
        `no subtree of level ${level} begins at leaf ${this.#size}`,
      );
    }
    let above = hash;
    let index = this.#size / width;
    let at = level;
    let kept = this.#hashes.length;
    onNode?.(at, index, above);
    while (isOdd(index)) {
      above = this.#hasher.node(this.#hashes[--kept] as Uint8Array, above);
      index = half(index);
      onNode?.(++at, index, above);
    }
    this.#hashes.length = kept;
    this.#hashes.push(above);
    this.#size += width;
  }

  /** The RFC 6962 root of leaves [0, size); the hash of nothing when there are none. */
  root(): Uint8Array {
    return foldRight(this.#hashes, this.#hasher);
  }

  /** A range that can be appended to without changing this one. */
  clone(): CompactRange {
    return new CompactRange(this.#hasher, this.#size, this.#hashes);
  }
}

/** The root over neighbouring perfect subtrees of falling size. */
export function foldRight(hashes: readonly Uint8Array[], hasher: TreeHasher): Uint8Array {
  const root = hashes.reduceRight<Uint8Array | undefined>(
    (right, left) => (right === undefined ? left : hasher.node(left, right)),
    undefined,
  );
  return root ?? hasher.empty();
}

/** The root of a tree that is held whole in memory or streamed, leaf hashes in order. */
export function rootFromLeaves(
  leafHashes: Iterable<Uint8Array>,
  hasher: TreeHasher = rfc6962,
): Uint8Array {
  const range = new CompactRange(hasher);
  for (const hash of leafHashes) range.append(hash);
  return range.root();
}
