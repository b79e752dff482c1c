import { chmod, mkdir, mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeStaleWorkspaces } from './stale-workspaces.js';
import { removeTree } from './toolchain/tree.js';

const HOUR = 3_600_000;
let work = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'stale-'));
});
afterEach(() => removeTree(work));

it('removes what is older than any build may be, and nothing else', async () => {
  const now = Date.now();
  for (const [name, hours] of [
    ['build-aB3dE6', 49],
    ['build-young1', 47],
    ['build-', 1000],
    ['elsewhere', 1000],
  ] as const) {
    await mkdir(join(work, name, 'work/closed'), { recursive: true });
    await writeFile(join(work, name, 'work/closed/file'), 'x');
    await chmod(join(work, name, 'work/closed'), 0o500);
    const at = new Date(now - hours * HOUR);
    await utimes(join(work, name), at, at);
  }
  await removeStaleWorkspaces(work, now);
  expect((await readdir(work)).sort()).toEqual(['build-', 'build-young1', 'elsewhere']);
});
