import { rm } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';

/** Rows of bytes in the order of their keys, in a folder: for what can be made anew. */
export type Level = ClassicLevel<Buffer, Buffer>;

/** A row to write: its key and its value. */
export type LevelRow = readonly [key: Buffer, value: Buffer];

/** Few files, so that few of them are held open. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Opens the rows in a folder; what cannot be read is thrown away. */
export async function openLevel(dir: string): Promise<Level> {
  return open(dir).catch(async () => {
    await rm(dir, { recursive: true, force: true });
    return open(dir);
  });
}

/** Writes the rows, all or none of them. Put one by one: a list of objects takes thrice the time. */
export async function putRows(level: Level, rows: Iterable<LevelRow>): Promise<void> {
  const batch = level.batch();
  for (const [key, value] of rows) batch.put(key, value);
  await batch.write();
}

async function open(dir: string): Promise<Level> {
  const encoding = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const level = new ClassicLevel<Buffer, Buffer>(dir, { ...encoding, maxFileSize: MAX_FILE_BYTES });
  await level.open();
  return level;
}
