import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { HASH_SIZE, LIST_PAGE_SIZE } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import { readAll, writeAll } from './file-bytes.js';

export const PAGE_BYTES = LIST_PAGE_SIZE * 8;

const datasync = promisify(fdatasync);

/**
 * The full pages of long lists, and the hashes over them, in a file.
 *
 * A list doubles its room: extent 0 is for page 0, extent e for pages [2^(e-1), 2^e), which are a
 * perfect subtree of the tree of pages. So a page is written once and never moved, every node over
 * the pages of one extent stands beside them, and what an older map reads is not touched by a
 * newer one.
 *
 * An extent of n pages: the pages, 2 KiB each, and 2n hashes, of which the first is not used, the
 * second is the root, and those of hash i are hashes 2i and 2i + 1.
 */
export class PageFile {
  readonly #file: number;
  readonly #hasher: TreeHasher;
  #length: number;
  #closed = false;

  /** @param length up to where the file is in use */
  constructor(path: string, length: number, hasher: TreeHasher) {
    this.#file = openSync(path, length === 0 ? 'w+' : 'r+');
    this.#length = length;
    this.#hasher = hasher;
  }

  get length(): number {
    return this.#length;
  }

  /** Gives up the room beyond a length, which was taken since. */
  cut(length: number): void {
    this.#length = length;
  }

  /** The offsets of a list's extents with room for one more page. */
  extend(extents: readonly number[], pages: number): readonly number[] {
    const room = extents.length === 0 ? 0 : 2 ** (extents.length - 1);
    if (pages < room) return extents;
    const added = Math.max(1, room);
    const offset = this.#length;
    this.#length += added * (PAGE_BYTES + 2 * HASH_SIZE);
    return [...extents, offset];
  }

  /** Writes the page after `page` others, and the nodes that it completes in its extent. */
  write(extents: readonly number[], page: number, bytes: Uint8Array): void {
    const { offset, width, at } = placeOf(extents, page);
    writeAll(this.#file, bytes, offset + at * PAGE_BYTES);
    const hashes = offset + width * PAGE_BYTES;
    let node = width + at;
    let hash = this.#hasher.leaf(bytes);
    writeAll(this.#file, hash, hashes + node * HASH_SIZE);
    for (; node % 2 === 1 && node > 1;) {
      const left = this.#read(hashes + (node - 1) * HASH_SIZE, HASH_SIZE);
      hash = this.#hasher.node(left, hash);
      node = (node - 1) / 2;
      writeAll(this.#file, hash, hashes + node * HASH_SIZE);
    }
  }

  page(extents: readonly number[], page: number): Uint8Array {
    const { offset, at } = placeOf(extents, page);
    return this.#read(offset + at * PAGE_BYTES, PAGE_BYTES);
  }

  /** A node of the tree of pages, all of whose pages are full. */
  node(extents: readonly number[], level: number, index: number): Uint8Array {
    if (level > 0 && index === 0) {
      const left = this.node(extents, level - 1, 0);
      return this.#hasher.node(left, this.node(extents, level - 1, 1));
    }
    const { offset, width, at } = placeOf(extents, index * 2 ** level);
    const node = (width + at) / 2 ** level;
    return this.#read(offset + width * PAGE_BYTES + node * HASH_SIZE, HASH_SIZE);
  }

  /** What was written is durable when it resolves. */
  sync(): Promise<void> {
    return datasync(this.#file);
  }

  /** Nothing is read from here on: the number of the file may be another one's by then. */
  close(): void {
    this.#closed = true;
    closeSync(this.#file);
  }

  #read(position: number, length: number): Uint8Array {
    if (this.#closed) throw new TlogError('map-version', 'the map was closed meanwhile');
    const bytes = new Uint8Array(length);
    if (position + length > this.#length) {
      throw new TlogError('map-store', 'a list of the map is beyond the file of pages');
    }
    readAll(this.#file, bytes, position);
    return bytes;
  }
}

function placeOf(
  extents: readonly number[],
  page: number,
): { readonly offset: number; readonly width: number; readonly at: number } {
  const extent = page === 0 ? 0 : 1 + Math.floor(Math.log2(page));
  const offset = extents[extent];
  if (offset === undefined)
    throw new TlogError('map-store', `a list of the map has no page ${page}`);
  const width = page === 0 ? 1 : 2 ** (extent - 1);
  return { offset, width, at: page === 0 ? 0 : page - width };
}
