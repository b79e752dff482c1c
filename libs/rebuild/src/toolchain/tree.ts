import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, readdir, readlink, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.js';
import { sha256Hex } from '../source/integrity.js';

/**
 * One entry below the root of a tree:
 * `[path, 'directory']`, `[path, 'file', executable, size, sha256 hex]`,
 * `[path, 'symlink', target]`, or `[path, 'other']` for what is none of these.
 */
export type TreeEntry =
  | readonly [path: string, type: 'directory']
  | readonly [path: string, type: 'file', executable: boolean, size: number, sha256: string]
  | readonly [path: string, type: 'symlink', target: string]
  | readonly [path: string, type: 'other'];

/**
 * Everything below `root`, sorted by path (bytes of UTF-8). Executable means that the owner's
 * execute bit is set; owners, times and other mode bits do not count.
 */
export async function readTree(root: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const name of await readdir(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stat = await lstat(join(root, path));
      if (stat.isDirectory()) {
        entries.push([path, 'directory']);
        await visit(path);
      } else if (stat.isFile()) {
        const digest = await hashFile(join(root, path));
        entries.push([path, 'file', (stat.mode & 0o100) !== 0, stat.size, digest]);
      } else if (stat.isSymbolicLink()) {
        entries.push([path, 'symlink', await readlink(join(root, path))]);
      } else entries.push([path, 'other']);
    }
  };
  await visit('');
  return entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/**
 * The digest of a tree: SHA-256, hex, over the line `touchstone-tree-v1` and one line for each
 * entry, the entry's JSON without white space; each line ends with a line feed.
 */
export function treeDigest(entries: readonly TreeEntry[]): string {
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`);
  return sha256Hex(`touchstone-tree-v1\n${lines.join('')}`);
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Takes every write bit away, deepest first, so that the folder itself can still be renamed. */
export async function makeReadOnly(root: string, entries: readonly TreeEntry[]): Promise<void> {
  for (const [path, type, executable] of [...entries].reverse()) {
    if (type === 'file') await chmod(join(root, path), executable ? 0o555 : 0o444);
    if (type === 'directory') await chmod(join(root, path), 0o555);
  }
  await chmod(root, 0o555);
}

const LONGEST_PATH = 2048;
const SLASH = Buffer.from('/');

/**
 * Removes whatever a build left: folders without permissions, and folders nested so deep that
 * their path no longer fits a system call (these are moved up first).
 */
export async function removeTree(root: string): Promise<void> {
  let moved = 0;
  const top = Buffer.from(root);
  // Names as bytes: a build's need not be text.
  const removeFolder = async (folder: Buffer): Promise<void> => {
    let names: Buffer[];
    try {
      await chmod(folder, 0o700);
      names = await readdir(folder, { encoding: 'buffer' });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    for (const name of names) {
      const path = Buffer.concat([folder, SLASH, name]);
      if (!(await lstat(path)).isDirectory()) await unlink(path);
      else if (path.length < top.length + LONGEST_PATH) await removeFolder(path);
      else await rename(path, join(root, `.deep-${(moved += 1)}`));
    }
    await rmdir(folder).catch((error: unknown) => {
      // The root is not empty when something was moved up into it.
      if (folder !== top || systemCode(error) !== 'ENOTEMPTY') throw error;
    });
  };
  for (let before = -1; before !== moved;) {
    before = moved;
    await removeFolder(top);
  }
}
