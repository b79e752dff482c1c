import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const FILE_MODE = 0o644;

/**
 * Replaces a small file: a reader sees the old or the new one, and the new one is durable when it
 * resolves. Order: the bytes under a temporary name, fsync, rename, fsync of the folder. One
 * writer at a time.
 */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
