import { HASH_SIZE, TILE_WIDTH, tilePath } from '@touchstone/merkle';
import type { ReportProblem } from './fsck-problem.js';
import { equalBytes } from './state.js';
import type { TileStorage } from './storage.js';

interface Row {
  readonly bytes: Uint8Array;
  width: number;
  index: number;
}

/** Compares the hash tiles in storage with the hashes that fsck derives, level by level. */
export class FsckRows {
  readonly #storage: Pick<TileStorage, 'read' | 'list'>;
  readonly #size: number;
  readonly #report: ReportProblem;
  readonly #rows: Row[] = [];

  constructor(storage: Pick<TileStorage, 'read' | 'list'>, size: number, report: ReportProblem) {
    this.#storage = storage;
    this.#size = size;
    this.#report = report;
  }

  async add(level: number, hash: Uint8Array): Promise<void> {
    const row = (this.#rows[level] ??= newRow(0));
    row.bytes.set(hash, row.width++ * HASH_SIZE);
    if (row.width < TILE_WIDTH) return;
    await this.#check(level, row);
    this.#rows[level] = newRow(row.index + 1);
  }

  /** Compares the partial tiles at the right edge. */
  async finish(): Promise<void> {
    for (const [level, row] of this.#rows.entries()) {
      if (row.width > 0) await this.#check(level, row);
    }
  }

  async #check(level: number, { bytes, width, index }: Row): Promise<void> {
    await this.#compare(tilePath(level, index, width), bytes.subarray(0, width * HASH_SIZE));
    const full = tilePath(level, index, TILE_WIDTH);
    for (const partial of await partialWidths(this.#storage, full, width)) {
      await this.#compare(`${full}.p/${partial}`, bytes.subarray(0, partial * HASH_SIZE));
    }
  }

  async #compare(path: string, derived: Uint8Array): Promise<void> {
    const stored = await this.#storage.read(path);
    if (!stored) {
      this.#report(path, 'missing', `a tree of size ${this.#size} has this tile`);
    } else if (!equalBytes(stored, derived)) {
      this.#report(path, 'hash-mismatch', 'the hashes are not those of the tree below them');
    }
  }
}

function newRow(index: number): Row {
  return { bytes: new Uint8Array(TILE_WIDTH * HASH_SIZE), width: 0, index };
}

/**
 * Widths narrower than `width` at which a tile or bundle lies in storage too, ascending. They
 * were published with earlier checkpoints.
 */
export async function partialWidths(
  storage: Pick<TileStorage, 'list'>,
  fullPath: string,
  width: number,
): Promise<number[]> {
  const names = await storage.list(`${fullPath}.p`);
  return names
    .filter((name) => /^[1-9][0-9]{0,2}$/.test(name))
    .map(Number)
    .filter((partial) => partial < width)
    .sort((a, b) => a - b);
}
