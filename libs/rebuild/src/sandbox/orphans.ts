import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.js';

const WORKSPACE = /^build-[A-Za-z0-9]+$/;

/**
 * Kills what a killed predecessor left running on the workspaces in `work`.
 *
 * A sandbox dies with the process that started it, except in the instant between its change of
 * user and its asking the kernel for that. So a worker that takes over a folder looks once.
 * Sandboxes name their workspace in their command line.
 *
 * @returns how many processes were killed
 */
export async function killOrphans(work: string): Promise<number> {
  const workspaces = (await namesIn(work)).filter((name) => WORKSPACE.test(name));
  if (workspaces.length === 0) return 0;
  const places = workspaces.flatMap((name) => [join('/mnt', name), join(work, name)]);
  let killed = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const [file = '', ...args] = line.split('\0');
    if (!file.endsWith('bwrap')) continue;
    if (!args.some((arg) => places.some((place) => arg === place || arg.startsWith(`${place}/`))))
      continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
      killed += 1;
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }
  return killed;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
