import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.js';
import { rootsFolder } from './toolchain.js';
import { removeTree } from './tree.js';

const ROOT = /^[0-9a-f]{64}$/;

/**
 * Removes roots that no build used since `before`; they are made again when needed. Whoever runs
 * it leaves a day or so: a root that a build has begun to use must not go away under it.
 *
 * Crash order: a root's keys go first, so none ever names a root that is half gone.
 *
 * @returns tree digests of the removed roots
 */
export async function collectToolchains(cache: string, before: Date): Promise<string[]> {
  const folder = rootsFolder(cache);
  const keys = join(folder, 'keys');
  const used = new Map<string, { lastUse: number; keys: string[] }>();
  for (const name of await namesIn(keys)) {
    const path = join(keys, name);
    const digest = await readFile(path, 'utf8').catch(() => '');
    const { mtimeMs } = await stat(path);
    const known = used.get(digest);
    used.set(digest, {
      lastUse: Math.max(known?.lastUse ?? 0, mtimeMs),
      keys: [...(known?.keys ?? []), path],
    });
  }
  const removed: string[] = [];
  for (const name of (await namesIn(folder)).filter((entry) => ROOT.test(entry)).sort()) {
    const root = join(folder, name);
    // A root without a key is one whose making was cut off, or is about to end.
    const lastUse = used.get(name)?.lastUse ?? (await stat(root)).ctimeMs;
    if (lastUse >= before.getTime()) continue;
    for (const key of used.get(name)?.keys ?? []) await rm(key, { force: true });
    await removeTree(root);
    await rm(`${root}.json`, { force: true });
    removed.push(name);
  }
  return removed;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
}
