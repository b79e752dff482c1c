import { hash } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const FSYNC_SECONDS = 1;
const HASH_COUNT = 400_000;

/** 4 KiB writes made durable one after the other, per second: what one disk queue gives. */
export async function fdatasyncRate(dir: string): Promise<number> {
  const path = join(dir, 'fdatasync-probe');
  const handle = await open(path, 'w');
  const page = new Uint8Array(4096);
  try {
    const began = performance.now();
    let count = 0;
    while (performance.now() - began < FSYNC_SECONDS * 1000) {
      await handle.write(page, 0, page.length, (count % 64) * page.length);
      await handle.datasync();
      count++;
    }
    return count / ((performance.now() - began) / 1000);
  } finally {
    await handle.close();
    await unlink(path);
  }
}

/** SHA-256 of 65 bytes, an interior node, per second on one core. */
export function sha256Rate(): number {
  const node = new Uint8Array(65);
  for (let i = 0; i < HASH_COUNT / 4; i++) hash('sha256', node, 'buffer');
  const began = performance.now();
  for (let i = 0; i < HASH_COUNT; i++) {
    node[1] = i;
    hash('sha256', node, 'buffer');
  }
  return HASH_COUNT / ((performance.now() - began) / 1000);
}
