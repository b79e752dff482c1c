import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from './toolchain/tree.js';

const WORKSPACE = /^build-[A-Za-z0-9]{6}$/;
/** Twice as long as the longest that an operator may let a build take. */
const STALE_AFTER = 2 * 86_400_000;

/**
 * Removes the workspaces that killed processes left in a folder. A worker empties its own when it
 * starts; the command line's is shared by all who run it, and only age tells what is nobody's.
 *
 * @param now milliseconds since 1970
 */
export async function removeStaleWorkspaces(work: string, now: number): Promise<void> {
  for (const name of (await readdir(work)).filter((found) => WORKSPACE.test(found))) {
    const path = join(work, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || now - found.mtimeMs < STALE_AFTER) continue;
    // Of another user's, or removed by somebody else meanwhile: that is no fault of this build.
    await removeTree(path).catch(() => undefined);
  }
}
