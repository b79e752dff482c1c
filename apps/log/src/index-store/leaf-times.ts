import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

const ROW = 16;
/** The time of leaves that nobody noted; theirs is that of the next row. */
const UNKNOWN = 0;

interface Last {
  readonly rows: number;
  /** The last row is of leaves from here on, up to `end`. */
  readonly begin: number;
  readonly end: number;
  readonly time: number;
}

/**
 * When leaves were integrated, beside the tiles. Signed entry timestamps are over these times, and
 * no tile holds them, so they are kept for good and in a file of their own, not in the index, which
 * may be thrown away.
 *
 * The file has rows of 16 bytes, big-endian: the leaves below `end`, and not below the `end` of the
 * row before, have `time`. Both only rise. One row is made for each second in which leaves came; its
 * `end` is raised in place, within a disk's sector. Order of one batch, each step durable before
 * the next:
 *   1. the tree has the leaves,
 *   2. the file has their time,
 *   3. anybody is told it.
 * After a crash between 1 and 2 the leaves have the time of the next start, which is later than the
 * truth, never earlier. One writer at a time.
 */
export class LeafTimes {
  readonly #file: FileHandle;
  /** Rows that count, and what the last of them says. */
  #last: Last;

  private constructor(file: FileHandle, last: Last) {
    this.#file = file;
    this.#last = last;
  }

  /** Leaves whose time is noted: those below this index. */
  get end(): number {
    return this.#last.end;
  }

  /** Opens the file over a tree of `size` leaves, or begins one. */
  static async open(path: string, size: number): Promise<LeafTimes> {
    await mkdir(dirname(path), { recursive: true });
    const created = await open(path, 'wx+').catch(() => undefined);
    const file = created ?? (await open(path, 'r+'));
    try {
      if (created) await syncFolder(dirname(path));
      const bytes = (await file.stat()).size;
      const last = await lastRow(file, Math.floor(bytes / ROW), size);
      if (last.rows * ROW !== bytes) await file.truncate(last.rows * ROW);
      // Of a tree that was taken back, the leaves that come next have their own time.
      if (last.rows > 0) await file.write(rowBytes(last), 0, ROW, (last.rows - 1) * ROW);
      return new LeafTimes(file, last);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Notes the time of leaves that follow those noted before; what came between stays unknown. Times
   * never fall, also when the clock does. Durable when it resolves.
   */
  async note(first: number, count: number, now: number): Promise<void> {
    const { rows, begin, end, time } = this.#last;
    if (first < end) throw new Error(`the time of leaf ${first} is noted already`);
    const next = { end: first + count, time: Math.max(now, time) };
    const gap = first > end ? [{ end: first, time: UNKNOWN }] : [];
    const raised = gap.length === 0 && rows > 0 && next.time === time;
    const at = raised ? rows - 1 : rows;
    const bytes = Buffer.concat([...gap, next].map(rowBytes));
    await this.#file.write(bytes, 0, bytes.length, at * ROW);
    await this.#file.datasync();
    this.#last = { rows: at + gap.length + 1, begin: raised ? begin : first, ...next };
  }

  /** Seconds at which a leaf was integrated; undefined while nothing is noted of it. */
  async at(index: number): Promise<number | undefined> {
    const { begin, end, time } = this.#last;
    if (index >= end) return undefined;
    if (index >= begin) return time;
    return this.#timeOfRow(await this.#rowOf(index));
  }

  /**
   * Leaves [from, to) with a time from `since` up to, not including, `until`. Those whose time
   * nobody noted have that of the next.
   */
  async between(since: number, until: number): Promise<{ from: number; to: number }> {
    return { from: await this.#firstSince(since), to: await this.#firstSince(until) };
  }

  /** The first leaf with this time or a later one; the end when there is none. */
  async #firstSince(time: number): Promise<number> {
    let [low, high] = [0, this.#last.rows];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.#timeOfRow(middle)) >= time) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? 0 : Math.min((await readRow(this.#file, low - 1)).end, this.#last.end);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #timeOfRow(row: number): Promise<number> {
    const { time } = await readRow(this.#file, row);
    return time === UNKNOWN ? (await readRow(this.#file, row + 1)).time : time;
  }

  /** The row that covers a leaf. */
  async #rowOf(index: number): Promise<number> {
    let [low, high] = [0, this.#last.rows];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await readRow(this.#file, middle)).end > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The last row that counts for a tree of `size` leaves. */
async function lastRow(file: FileHandle, written: number, size: number): Promise<Last> {
  for (let rows = written; rows > 0; rows--) {
    const { end, time } = await readRow(file, rows - 1);
    const begin = rows > 1 ? (await readRow(file, rows - 2)).end : 0;
    // Else it is what a crash left of rows that nobody was told of, or of another tree.
    const counts = time !== UNKNOWN && begin < end && begin < size;
    if (counts) return { rows, begin, end: Math.min(end, size), time };
  }
  return { rows: 0, begin: 0, end: 0, time: UNKNOWN };
}

function rowBytes({ end, time }: { end: number; time: number }): Buffer {
  const bytes = Buffer.alloc(ROW);
  bytes.writeBigUInt64BE(BigInt(end), 0);
  bytes.writeBigUInt64BE(BigInt(time), 8);
  return bytes;
}

async function readRow(file: FileHandle, row: number): Promise<{ end: number; time: number }> {
  const bytes = Buffer.alloc(ROW);
  const { bytesRead } = await file.read(bytes, 0, ROW, row * ROW);
  if (bytesRead < ROW) throw new Error(`the times of the log have no row ${row}`);
  return { end: Number(bytes.readBigUInt64BE(0)), time: Number(bytes.readBigUInt64BE(8)) };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
