import { rm } from 'node:fs/promises';
import { openLevel, putRows } from '../level.js';
import type { Level, LevelRow } from '../level.js';
import type { IndexedLeaf, LogIndex, NewLeaf } from './log-index.js';

/*
 * Rows, by the first byte of their key:
 *   m                       size, as 8 bytes
 *   h <leaf hash>           index of the first leaf with this hash, as 8 bytes
 *   i <index>               leaf hash, and the time as 8 bytes
 *   k <key> 00 <index>      nothing: a leaf under a key
 * Numbers are big-endian, so that rows are in the log's order.
 */
const SIZE_KEY = Buffer.from('m');
const [BY_HASH, BY_INDEX] = [0x68, 0x69];
const NUMBER_SIZE = 8;
const HASH_SIZE = 32;

/**
 * The index of a log without a database, in a folder beside its tiles. All rows of a batch and the
 * size are one write, not made durable at once: after a crash it ends earlier, and never between
 * two leaves of a batch.
 */
export class LevelLogIndex implements LogIndex {
  readonly #dir: string;
  #level: Level;
  #size: number;

  private constructor(dir: string, level: Level, size: number) {
    this.#dir = dir;
    this.#level = level;
    this.#size = size;
  }

  /** Opens the index; what cannot be read is thrown away, since it can be made anew. */
  static async open(dir: string): Promise<LevelLogIndex> {
    const level = await openLevel(dir);
    const size = await level.get(SIZE_KEY);
    return new LevelLogIndex(dir, level, size ? readNumber(size, 0) : 0);
  }

  async size(): Promise<number> {
    return this.#size;
  }

  async add(first: number, leaves: readonly NewLeaf[], integratedAt: number): Promise<void> {
    if (first !== this.#size) throw new Error(`the index does not end at leaf ${first}`);
    const size = first + leaves.length;
    const found = leaves.map(({ hash }) => this.#level.getSync(hashKey(hash)));
    const rows: LevelRow[] = [[SIZE_KEY, numberBytes(size)]];
    const seen = new Set<string>();
    for (const [i, { hash, keys }] of leaves.entries()) {
      const index = first + i;
      const byHash = hashKey(hash);
      const name = byHash.toString('latin1');
      // Of leaves that are the same the first counts.
      if (!found[i] && !seen.has(name)) rows.push([byHash, numberBytes(index)]);
      seen.add(name);
      rows.push([indexKey(index), leafRow(hash, integratedAt)]);
      for (const key of keys) rows.push([keyRow(key, index), EMPTY]);
    }
    await putRows(this.#level, rows);
    this.#size = size;
  }

  async find(hashes: readonly Uint8Array[]): Promise<(IndexedLeaf | undefined)[]> {
    // Mostly there is none, which a filter in memory tells; a turn through the thread pool costs more.
    const found = hashes.map((hash) => this.#level.getSync(hashKey(hash)));
    return Promise.all(found.map(async (index) => index && this.at(readNumber(index, 0))));
  }

  async at(index: number): Promise<IndexedLeaf | undefined> {
    if (index >= this.#size) return undefined;
    const row = await this.#level.get(indexKey(index));
    if (!row) return undefined;
    const hash = new Uint8Array(row.subarray(0, HASH_SIZE));
    return { index, hash, integratedAt: readNumber(row, HASH_SIZE) };
  }

  async search(keys: readonly string[], from: number, limit: number): Promise<IndexedLeaf[]> {
    const found = new Set<number>();
    for (const key of new Set(keys)) {
      const gte = keyRow(key, from);
      const lt = keyRow(key, this.#size);
      for await (const row of this.#level.keys({ gte, lt, limit })) {
        found.add(readNumber(row, row.length - NUMBER_SIZE));
      }
    }
    const first = [...found].sort((a, b) => a - b).slice(0, limit);
    const leaves = await Promise.all(first.map((index) => this.at(index)));
    return leaves.filter((leaf) => leaf !== undefined);
  }

  async clear(): Promise<void> {
    await this.#level.close();
    await rm(this.#dir, { recursive: true, force: true });
    this.#level = await openLevel(this.#dir);
    this.#size = 0;
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

const EMPTY = Buffer.alloc(0);

function hashKey(hash: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + HASH_SIZE);
  key[0] = BY_HASH;
  key.set(hash, 1);
  return key;
}

function indexKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(1 + NUMBER_SIZE);
  key[0] = BY_INDEX;
  return writeNumber(key, 1, index);
}

function leafRow(hash: Uint8Array, time: number): Buffer {
  const row = Buffer.allocUnsafe(HASH_SIZE + NUMBER_SIZE);
  row.set(hash);
  return writeNumber(row, HASH_SIZE, time);
}

function keyRow(key: string, index: number): Buffer {
  const prefix = `k${key}\0`;
  const length = Buffer.byteLength(prefix);
  const row = Buffer.allocUnsafe(length + NUMBER_SIZE);
  row.write(prefix);
  return writeNumber(row, length, index);
}

function numberBytes(value: number): Buffer {
  return writeNumber(Buffer.allocUnsafe(NUMBER_SIZE), 0, value);
}

function writeNumber(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value % 2 ** 32, at + 4);
  return bytes;
}

function readNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at));
}
