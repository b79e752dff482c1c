import { openLevel, putRows } from '../level.js';
import type { Level, LevelRow } from '../level.js';
import { listPacks, readPack } from './attestation-pack.js';

/** Where an attestation is. */
export interface Place {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

/** Row that says how far into the packs the index goes. */
const COVERED = Buffer.from('covered');
/** Rows written at once while packs are read. */
const ROWS = 1024;

/**
 * Where each attestation is, by its digest: made from the packs when it is lost, and brought up to
 * them when it is opened, since it is not durable at once.
 */
export class AttestationPlaces {
  readonly #level: Level;

  private constructor(level: Level) {
    this.#level = level;
  }

  static async open(dir: string, packs: string): Promise<AttestationPlaces> {
    const level = await openLevel(dir);
    const covered = placeOf(await level.get(COVERED));
    for (const pack of await listPacks(packs)) {
      if (covered && pack < covered.pack) continue;
      await readPlaces(level, packs, pack, covered?.pack === pack ? covered.offset : 0);
    }
    return new AttestationPlaces(level);
  }

  at(digest: string): Place | undefined {
    return placeOf(this.#level.getSync(keyOf(digest)));
  }

  /** Adds what was written to the end of a pack. */
  async add(places: readonly (readonly [digest: string, place: Place])[]): Promise<void> {
    const last = places.at(-1)?.[1];
    if (!last) return;
    const rows = places.map(([digest, place]) => rowOf(keyOf(digest), place));
    const end = { pack: last.pack, offset: last.offset + last.length, length: 0 };
    await putRows(this.#level, [...rows, rowOf(COVERED, end)]);
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

async function readPlaces(level: Level, packs: string, pack: number, from: number): Promise<void> {
  let rows: LevelRow[] = [];
  let end = from;
  for await (const { digest, offset, length, intact } of readPack(packs, pack, from)) {
    end = offset + length;
    // A damaged one is known too, so that it is told from one that is missing.
    if (intact || !(await level.get(digest))) rows.push(rowOf(digest, { pack, offset, length }));
    if (rows.length < ROWS) continue;
    await putRows(level, rows);
    rows = [];
  }
  await putRows(level, [...rows, rowOf(COVERED, { pack, offset: end, length: 0 })]);
}

function rowOf(key: Buffer, { pack, offset, length }: Place): LevelRow {
  const value = Buffer.allocUnsafe(16);
  value.writeUInt32BE(pack, 0);
  value.writeUIntBE(offset, 4, 6);
  value.writeUIntBE(length, 10, 6);
  return [key, value];
}

function placeOf(row: Buffer | undefined): Place | undefined {
  if (!row) return undefined;
  return {
    pack: row.readUInt32BE(0),
    offset: row.readUIntBE(4, 6),
    length: row.readUIntBE(10, 6),
  };
}

function keyOf(digest: string): Buffer {
  return Buffer.from(digest, 'hex');
}
