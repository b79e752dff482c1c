import { rm } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';

/** Rows of bytes in the order of their keys, in a folder: for what can be made anew. */
export type Level = ClassicLevel<Buffer, Buffer>;

/** A row to write: its key and its value. */
export type LevelRow = readonly [key: Buffer, value: Buffer];

/**
 * Files are mapped into memory while they are open, and what was read of them counts as the
 * process's. Small ones, of which few are open, keep that below 200 MB; to open one again takes
 * some microseconds.
 */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_OPEN_FILES = 100;

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
  const level = new ClassicLevel<Buffer, Buffer>(dir, {
    ...encoding,
    maxFileSize: MAX_FILE_BYTES,
    maxOpenFiles: MAX_OPEN_FILES,
  });
  await level.open();
  return level;
}
