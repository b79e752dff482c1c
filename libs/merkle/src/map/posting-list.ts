import { CompactRange } from '../compact-range.js';
import { MerkleError } from '../errors.js';
import type { TreeHasher } from '../hash.js';
import { isTreeNumber } from '../numbers.js';
import { inclusionProof } from '../prove.js';
import { writeUint64 } from './map-hash.js';

/** Indices on a page of a list; only the last page may have fewer. */
export const LIST_PAGE_SIZE = 256;

/** One page of the list of a key. */
export interface ListPage {
  /** From 0. */
  readonly number: number;
  /** Leaf indices, each larger than the one before. */
  readonly indices: readonly number[];
  /** Inclusion proof of the page in the tree of pages, from the page up. */
  readonly proof: readonly Uint8Array[];
}

/** Pages of a list of `count` indices. */
export function listPages(count: number): number {
  return Math.ceil(count / LIST_PAGE_SIZE);
}

/** What the leaf hash of a page is over: each index as 8 bytes, big-endian. */
export function encodePage(indices: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(indices.length * 8);
  for (const [i, index] of indices.entries()) writeUint64(bytes, i * 8, index);
  return bytes;
}

/** A node of the tree of pages is asked for by its range of pages. */
function rootOfPages(pages: readonly Uint8Array[], hasher: TreeHasher): Uint8Array {
  const range = new CompactRange(hasher);
  for (const hash of pages) range.append(hash);
  return range.root();
}

/**
 * The ascending leaf indices of one key. Its root is that of an RFC 6962 tree whose leaves are
 * pages of 256 indices, so that a page of a long list proves itself.
 *
 * A value: `with` gives a new list and leaves this one as it is. The two share their memory, in
 * which the older one is the prefix of the newer one.
 */
export class PostingList {
  readonly count: number;
  readonly #indices: number[];
  /** Of the full pages; undefined while there are none, which is so for nearly every key. */
  readonly #full: { readonly hashes: Uint8Array[]; readonly range: CompactRange } | undefined;

  private constructor(
    indices: number[],
    count: number,
    full: { hashes: Uint8Array[]; range: CompactRange } | undefined,
  ) {
    this.#indices = indices;
    this.count = count;
    this.#full = full;
  }

  /** @throws MerkleError `map-list` when there are none, or they do not ascend */
  static of(indices: readonly number[], hasher: TreeHasher): PostingList {
    return new PostingList([], 0, undefined).with(indices, hasher);
  }

  /** The list with more indices at its end. @throws MerkleError `map-list` */
  with(more: readonly number[], hasher: TreeHasher): PostingList {
    let last = this.#indices[this.count - 1] ?? -1;
    for (const index of more) {
      if (!isTreeNumber(index) || index <= last) {
        throw new MerkleError('map-list', `index ${index} after ${last}: a list must ascend`);
      }
      last = index;
    }
    if (this.count + more.length === 0) throw new MerkleError('map-list', 'a list is never empty');
    // Only one list may grow in place; whoever comes second copies.
    const shared = this.#indices.length === this.count;
    const indices = shared ? this.#indices : this.#indices.slice(0, this.count);
    for (const index of more) indices.push(index);
    const count = this.count + more.length;
    return new PostingList(indices, count, this.#fullPages(indices, count, hasher));
  }

  #fullPages(
    indices: readonly number[],
    count: number,
    hasher: TreeHasher,
  ): { hashes: Uint8Array[]; range: CompactRange } | undefined {
    const before = this.#full?.hashes.length ?? 0;
    const pages = Math.floor(count / LIST_PAGE_SIZE);
    if (pages === before) return this.#full && { ...this.#full };
    const range = this.#full?.range.clone() ?? new CompactRange(hasher);
    const hashes = [...(this.#full?.hashes ?? [])];
    for (let page = before; page < pages; page++) {
      const begin = page * LIST_PAGE_SIZE;
      const hash = hasher.leaf(encodePage(indices.slice(begin, begin + LIST_PAGE_SIZE)));
      hashes.push(hash);
      range.append(hash);
    }
    return { hashes, range };
  }

  root(hasher: TreeHasher): Uint8Array {
    const rest = this.count % LIST_PAGE_SIZE;
    if (!this.#full) return hasher.leaf(encodePage(this.#indices.slice(0, this.count)));
    if (rest === 0) return this.#full.range.root();
    const range = this.#full.range.clone();
    range.append(hasher.leaf(encodePage(this.#indices.slice(this.count - rest, this.count))));
    return range.root();
  }

  /** @throws MerkleError `index-out-of-range` when there is no such page */
  async page(number: number, hasher: TreeHasher): Promise<ListPage> {
    const pages = listPages(this.count);
    if (!isTreeNumber(number) || number >= pages) {
      throw new MerkleError('index-out-of-range', `page ${number} of a list of ${pages} pages`);
    }
    const hashes = [...(this.#full?.hashes ?? [])];
    const rest = this.count % LIST_PAGE_SIZE;
    if (rest > 0) {
      hashes.push(hasher.leaf(encodePage(this.#indices.slice(this.count - rest, this.count))));
    }
    const begin = number * LIST_PAGE_SIZE;
    const end = Math.min(begin + LIST_PAGE_SIZE, this.count);
    const proof = await inclusionProof(
      number,
      pages,
      ({ level, index }) =>
        rootOfPages(hashes.slice(index * 2 ** level, (index + 1) * 2 ** level), hasher),
      hasher,
    );
    return { number, indices: this.#indices.slice(begin, end), proof };
  }
}
