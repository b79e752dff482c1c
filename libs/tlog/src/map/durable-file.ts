import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const FILE_MODE = 0o644;

/**
 * Replaces a file: a reader sees the old or the new one, and the new one is durable when it
 * resolves. Order: the bytes under a temporary name, fsync, rename, fsync of the folder. One
 * writer at a time.
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array | string | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', FILE_MODE);
  try {
    const parts = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes;
    // Each continues where the one before ended.
    for (const part of parts) await file.writeFile(part);
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
