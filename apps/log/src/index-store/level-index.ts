import { hash as digestOf } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { openLevel, putRows } from '../level.js';
import type { Level, LevelRow } from '../level.js';
import type { LogIndex, NewLeaf } from './log-index.js';

/*
 * Rows, by the first byte of their key:
 *   s                                     size, and the hash of the last leaf
 *   h <20 bytes of a leaf hash>           index of the first leaf with this hash
 *   k <16 bytes of a key's SHA-256> <index>   nothing: a leaf under a key
 * An index or a size has 6 bytes, big-endian, so that rows are in the log's order. Hashes are cut
 * short because rows are what disk and memory go to. Whoever makes two leaves of his own that begin
 * alike is refused the second: the proof of the first is not a proof of it.
 */
const SIZE_KEY = Buffer.from('s');
const [BY_HASH, BY_KEY] = [0x68, 0x6b];
const NUMBER_SIZE = 6;
const HASH_SIZE = 32;
const LEAF_PREFIX = 20;
const KEY_PREFIX = 16;
const MAX_ABSENT = 16_384;

interface Covered {
  readonly size: number;
  readonly last: Uint8Array | undefined;
}

/**
 * The index of a log without a database, in a folder beside its tiles. All rows of a batch and the
 * size are one write, not made durable at once: after a crash it ends earlier, and never between
 * two leaves of a batch.
 */
export class LevelLogIndex implements LogIndex {
  readonly #dir: string;
  #level: Level;
  #covered: Covered;
  /** Rows that were looked for and are not there: who asks for a leaf mostly adds it next. */
  #absent = new Set<string>();

  private constructor(dir: string, level: Level, covered: Covered) {
    this.#dir = dir;
    this.#level = level;
    this.#covered = covered;
  }

  /** Opens the index; what cannot be read, or has other rows, is thrown away and made anew. */
  static async open(dir: string): Promise<LevelLogIndex> {
    const level = await openLevel(dir);
    const row = await level.get(SIZE_KEY);
    if (row?.length === NUMBER_SIZE + HASH_SIZE) {
      const last = new Uint8Array(row.subarray(NUMBER_SIZE));
      return new LevelLogIndex(dir, level, { size: row.readUIntBE(0, NUMBER_SIZE), last });
    }
    const index = new LevelLogIndex(dir, level, NOTHING);
    await index.clear();
    return index;
  }

  async size(): Promise<number> {
    return this.#covered.size;
  }

  async last(): Promise<Uint8Array | undefined> {
    return this.#covered.last;
  }

  async add(first: number, leaves: readonly NewLeaf[]): Promise<void> {
    if (first !== this.#covered.size) throw new Error(`the index does not end at leaf ${first}`);
    const last = leaves.at(-1)?.hash;
    if (!last) return;
    const size = first + leaves.length;
    const rows: LevelRow[] = [[SIZE_KEY, sizeRow(size, last)]];
    const hashKeys = leaves.map(({ hash }) => hashKey(hash));
    const seen = this.#known(hashKeys);
    for (const [i, { keys }] of leaves.entries()) {
      const byHash = hashKeys[i] as Buffer;
      const name = byHash.toString('latin1');
      // Of leaves that are the same the first counts.
      if (!seen.has(name)) rows.push([byHash, number(first + i)]);
      seen.add(name);
      for (const key of keys) rows.push([keyRow(key, first + i), EMPTY]);
    }
    await putRows(this.#level, rows);
    this.#covered = { size, last };
  }

  async find(hashes: readonly Uint8Array[]): Promise<(number | undefined)[]> {
    // Mostly there is none, which a filter in memory tells; a turn through the thread pool costs more.
    return hashes.map((hash) => {
      const key = hashKey(hash);
      const row = this.#level.getSync(key);
      if (!row) this.#noteAbsent(key);
      return row?.readUIntBE(0, NUMBER_SIZE);
    });
  }

  /** Those that have a row. Looked for in their order, since what is beside each other is in one file. */
  #known(keys: readonly Buffer[]): Set<string> {
    const known = new Set<string>();
    for (const key of keys.toSorted((a, b) => Buffer.compare(a, b))) {
      const name = key.toString('latin1');
      if (!this.#absent.delete(name) && this.#level.getSync(key)) known.add(name);
    }
    return known;
  }

  #noteAbsent(key: Buffer): void {
    if (this.#absent.size >= MAX_ABSENT) this.#absent.clear();
    this.#absent.add(key.toString('latin1'));
  }

  async search(keys: readonly string[], from: number, limit: number): Promise<number[]> {
    const found = new Set<number>();
    for (const key of new Set(keys)) {
      const gte = keyRow(key, from);
      const lt = keyRow(key, this.#covered.size);
      for await (const row of this.#level.keys({ gte, lt, limit })) {
        found.add(row.readUIntBE(row.length - NUMBER_SIZE, NUMBER_SIZE));
      }
    }
    return [...found].sort((a, b) => a - b).slice(0, limit);
  }

  async clear(): Promise<void> {
    await this.#level.close();
    await rm(this.#dir, { recursive: true, force: true });
    this.#level = await openLevel(this.#dir);
    this.#covered = NOTHING;
    this.#absent.clear();
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

const EMPTY = Buffer.alloc(0);
const NOTHING: Covered = { size: 0, last: undefined };

function sizeRow(size: number, last: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(NUMBER_SIZE + HASH_SIZE);
  row.writeUIntBE(size, 0, NUMBER_SIZE);
  row.set(last, NUMBER_SIZE);
  return row;
}

function hashKey(hash: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + LEAF_PREFIX);
  key[0] = BY_HASH;
  key.set(hash.subarray(0, LEAF_PREFIX), 1);
  return key;
}

function keyRow(key: string, index: number): Buffer {
  const row = Buffer.allocUnsafe(1 + KEY_PREFIX + NUMBER_SIZE);
  row[0] = BY_KEY;
  row.write(digestOf('sha256', key, 'binary').slice(0, KEY_PREFIX), 1, 'latin1');
  row.writeUIntBE(index, 1 + KEY_PREFIX, NUMBER_SIZE);
  return row;
}

function number(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_SIZE);
  bytes.writeUIntBE(value, 0, NUMBER_SIZE);
  return bytes;
}
