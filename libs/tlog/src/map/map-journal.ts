import { open, mkdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { MAP_KEY_SIZE } from '@touchstone/merkle';
import { TlogError } from '../error.js';

const FILE = 'journal';
const READ_BYTES = 1024 * 1024;
const COUNT_BYTES = 2;
const MAX_KEYS = 0xffff;
const FIRST_CAPACITY = 4_096;

/**
 * The keys of leaves 0, 1, … in a file that only grows: for each leaf a count in two bytes,
 * big-endian, and that many keys of 32 bytes. It saves reading leaves and attestations again; all
 * that is in it can be made from those.
 *
 * The file says nothing of how much of it counts: its owner keeps `bytes` where it keeps the size
 * of its map, written after `append` resolved, and hands it to `open`, which cuts the rest off.
 */
export class MapJournal {
  readonly #file: FileHandle;
  #bytes: number;

  private constructor(file: FileHandle, bytes: number) {
    this.#file = file;
    this.#bytes = bytes;
  }

  /** @throws TlogError `map-journal` when the file is shorter than it was said to be */
  static async open(dir: string, bytes: number): Promise<MapJournal> {
    await mkdir(dir, { recursive: true });
    const path = join(dir, FILE);
    const file = await open(path, 'r+').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return open(path, 'wx+');
    });
    try {
      const { size } = await file.stat();
      if (size < bytes) {
        throw new TlogError('map-journal', `${path} has ${size} bytes of ${bytes}; remove it`);
      }
      await file.truncate(bytes);
      return new MapJournal(file, bytes);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes that are durable. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Durable when it resolves. What a failed append left behind is overwritten by the next. */
  async append({ bytes }: JournalRecords): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const at = this.#bytes + written;
      written += (await this.#file.write(bytes, written, bytes.length - written, at)).bytesWritten;
    }
    await this.#file.datasync();
    this.#bytes += bytes.length;
  }

  /** The keys of every leaf from a place on, some leaves at a time. @throws TlogError `map-journal` */
  async *read(from = 0): AsyncGenerator<Uint8Array[][]> {
    let rest: Uint8Array = new Uint8Array();
    for (let at = from; at < this.#bytes;) {
      const chunk = Buffer.alloc(Math.min(READ_BYTES, this.#bytes - at));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw new TlogError('map-journal', 'the journal ended early');
      at += bytesRead;
      const decoded = decodeKeys(Buffer.concat([rest, chunk.subarray(0, bytesRead)]));
      rest = decoded.rest;
      yield decoded.leaves;
    }
    if (rest.length > 0) throw new TlogError('map-journal', 'the journal ends within a leaf');
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Bytes that a leaf with these keys takes. */
export function journalBytes(keys: readonly Uint8Array[]): number {
  return COUNT_BYTES + keys.length * MAP_KEY_SIZE;
}

/** The keys of some leaves as the journal has them. */
export class JournalRecords {
  #bytes = Buffer.alloc(FIRST_CAPACITY);
  #length = 0;
  #leaves = 0;

  get leaves(): number {
    return this.#leaves;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Keys of all the leaves. */
  get keys(): number {
    return (this.#length - this.#leaves * COUNT_BYTES) / MAP_KEY_SIZE;
  }

  /** @throws TlogError `map-journal` for a leaf with too many keys */
  add(keys: readonly Uint8Array[]): void {
    if (keys.length > MAX_KEYS) {
      throw new TlogError('map-journal', `a leaf has at most ${MAX_KEYS} keys`);
    }
    const end = this.#length + journalBytes(keys);
    if (end > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.bytes], Math.max(end, this.#bytes.length * 2));
    }
    let at = this.#bytes.writeUInt16BE(keys.length, this.#length);
    for (const key of keys) {
      this.#bytes.set(key, at);
      at += MAP_KEY_SIZE;
    }
    this.#length = end;
    this.#leaves++;
  }
}

/** Whole records from the front of some bytes, and what is left of them. */
export function decodeKeys(bytes: Uint8Array): {
  leaves: Uint8Array[][];
  rest: Uint8Array;
} {
  const leaves: Uint8Array[][] = [];
  let at = 0;
  while (at + COUNT_BYTES <= bytes.length) {
    const count = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const end = at + COUNT_BYTES + count * MAP_KEY_SIZE;
    if (end > bytes.length) break;
    const keys: Uint8Array[] = [];
    for (let key = at + COUNT_BYTES; key < end; key += MAP_KEY_SIZE) {
      keys.push(new Uint8Array(bytes.subarray(key, key + MAP_KEY_SIZE)));
    }
    leaves.push(keys);
    at = end;
  }
  return { leaves, rest: bytes.subarray(at) };
}
