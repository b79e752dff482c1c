import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { killOrphans } from './orphans.js';

let work: string;

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'orphans-'));
});
afterEach(() => rm(work, { recursive: true }));

/** A sandbox that nobody supervises, on the workspace of this name. */
async function abandon(name: string): Promise<{ ended: Promise<unknown>; pid: number }> {
  const workspace = join(work, name, 'work');
  await mkdir(workspace, { recursive: true });
  const child = spawn('bwrap', [
    ...['--die-with-parent', '--unshare-pid', '--ro-bind', '/', '/', '--bind', workspace, '/mnt'],
    ...[
      '--proc',
      '/proc',
      '--',
      process.execPath,
      '-e',
      'console.log(1);setInterval(() => 0, 999)',
    ],
  ]);
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return { ended, pid: child.pid ?? 0 };
}

it('kills the sandboxes of the workspaces in a folder and no others', async () => {
  const [orphan, stranger] = [await abandon('build-aB3dE6'), await abandon('elsewhere')];
  // Each is two processes: bubblewrap, and the first one of its namespace.
  expect(await killOrphans(work)).toBeGreaterThanOrEqual(1);
  await orphan.ended;
  expect(() => process.kill(stranger.pid, 0)).not.toThrow();
  process.kill(stranger.pid, 'SIGKILL');
  await stranger.ended;
});

it('finds nothing in a folder that is empty or absent', async () => {
  expect(await killOrphans(work)).toBe(0);
  expect(await killOrphans(join(work, 'absent'))).toBe(0);
});
