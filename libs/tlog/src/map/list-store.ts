import {
  CompactRange,
  compactRangeNodes,
  encodePage,
  inclusionProof,
  LIST_PAGE_SIZE,
  listPages,
  MerkleError,
} from '@touchstone/merkle';
import type { ListHead, ListPage, TreeHasher } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import type { PageFile } from './page-file.js';
import type { StoredList } from './stored-list.js';

const EMPTY: StoredList = { count: 0, extents: [], full: new Uint8Array(), tail: [] };

/**
 * The lists of a map: an RFC 6962 tree of pages of 256 indices each. What comes to a list costs
 * its last page, however long it is.
 */
export class ListStore {
  readonly #pages: PageFile;
  readonly #hasher: TreeHasher;

  constructor(pages: PageFile, hasher: TreeHasher) {
    this.#pages = pages;
    this.#hasher = hasher;
  }

  /**
   * The list with more indices at its end; the one before stays readable.
   *
   * @throws MerkleError `map-list` when it would not ascend or be empty
   */
  append(list: StoredList = EMPTY, more: readonly number[]): StoredList {
    const tail = [...list.tail];
    let { count, extents } = list;
    let range: CompactRange | undefined;
    let last = this.#last(list);
    for (const index of more) {
      if (!Number.isSafeInteger(index) || index <= last) {
        throw new MerkleError('map-list', `index ${index} after ${last}: a list must ascend`);
      }
      last = index;
      tail.push(index);
      count++;
      if (tail.length < LIST_PAGE_SIZE) continue;
      range ??= this.#fullPages(list);
      extents = this.#pages.extend(extents, range.size);
      const bytes = encodePage(tail);
      this.#pages.write(extents, range.size, bytes);
      range.append(this.#hasher.leaf(bytes));
      tail.length = 0;
    }
    if (count === 0) throw new MerkleError('map-list', 'a list is never empty');
    return { count, extents, full: range?.root() ?? list.full, tail };
  }

  head(list: StoredList): ListHead {
    const { count, extents, full, tail } = list;
    // So it is for nearly every key.
    if (extents.length === 0) return { count, root: this.#hasher.leaf(encodePage(tail)) };
    if (tail.length === 0) return { count, root: full };
    const range = this.#fullPages(list);
    range.append(this.#hasher.leaf(encodePage(tail)));
    return { count, root: range.root() };
  }

  /** @throws TlogError `map-store` when the file of pages has not what the list was made of */
  #fullPages({ count, extents, full }: StoredList): CompactRange {
    const size = Math.floor(count / LIST_PAGE_SIZE);
    const nodes = compactRangeNodes(size).map(({ level, index }) =>
      this.#pages.node(extents, level, index),
    );
    const range = new CompactRange(this.#hasher, size, nodes);
    if (size > 0 && Buffer.compare(range.root(), full) !== 0) {
      throw new TlogError('map-store', 'the pages of a list of the map are damaged');
    }
    return range;
  }

  /** @throws MerkleError `index-out-of-range` when there is no such page, TlogError `map-store` */
  async page(list: StoredList, number: number): Promise<ListPage> {
    const pages = listPages(list.count);
    if (!Number.isSafeInteger(number) || number < 0 || number >= pages) {
      throw new MerkleError('index-out-of-range', `page ${number} of a list of ${pages} pages`);
    }
    const proof = await inclusionProof(
      number,
      pages,
      ({ level, index }) => this.#node(list, level, index),
      this.#hasher,
    );
    return { number, indices: this.#indices(list, number), proof };
  }

  #node(list: StoredList, level: number, index: number): Uint8Array {
    const { count, extents, tail } = list;
    const full = Math.floor(count / LIST_PAGE_SIZE);
    if ((index + 1) * 2 ** level <= full) return this.#pages.node(extents, level, index);
    if (level === 0) return this.#hasher.leaf(encodePage(tail));
    const left = this.#node(list, level - 1, index * 2);
    return this.#hasher.node(left, this.#node(list, level - 1, index * 2 + 1));
  }

  #indices(list: StoredList, number: number): readonly number[] {
    if (number === Math.floor(list.count / LIST_PAGE_SIZE)) return list.tail;
    const bytes = this.#pages.page(list.extents, number);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: LIST_PAGE_SIZE }, (_, i) => {
      const index = Number(view.getBigUint64(i * 8));
      if (Number.isSafeInteger(index)) return index;
      throw new TlogError('map-store', `page ${number} of a list of the map is damaged`);
    });
  }

  #last(list: StoredList): number {
    const last = list.tail.at(-1);
    if (last !== undefined) return last;
    if (list.count === 0) return -1;
    return this.#indices(list, list.count / LIST_PAGE_SIZE - 1).at(-1) as number;
  }
}
