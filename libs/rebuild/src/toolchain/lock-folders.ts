import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RebuildError, systemCode } from '../errors.js';
import {
  parseToolchainLock,
  ToolchainLabel,
  ToolchainVersion,
  type ToolchainLock,
} from './toolchain-lock.js';

/**
 * Locks lie in folders, one file `<name>-<version>.json` each: those that come with this package,
 * and those that the operator added. The operator's come first: who adds one under a name that is
 * taken means it.
 */
const SHIPPED = fileURLToPath(new URL('../../toolchains/', import.meta.url));

export interface LockedToolchain {
  readonly lock: ToolchainLock;
  readonly origin: 'shipped' | 'operator';
}

/**
 * The lock of that name and version.
 * @param folder the operator's
 * @throws RebuildError `toolchain-unknown`, `toolchain-lock`
 */
export async function readToolchainLock(
  wanted: { name: string; version: string },
  folder?: string,
): Promise<ToolchainLock> {
  const file = lockFile(wanted);
  const folders = folder === undefined ? [SHIPPED] : [folder, SHIPPED];
  for (const place of folders) {
    const text = await readIfThere(join(place, file));
    if (text !== undefined) return parseToolchainLock(text, file);
  }
  const known = (await Promise.all(folders.map(lockFiles))).flat();
  throw new RebuildError(
    'toolchain-unknown',
    `there is no lock for toolchain ${wanted.name} ${wanted.version}; known: ${[...new Set(known)].sort().join(', ')}`,
  );
}

/** Every lock there is, the operator's before those that they stand in for. */
export async function listToolchainLocks(folder?: string): Promise<LockedToolchain[]> {
  const found = new Map<string, LockedToolchain>();
  for (const [origin, place] of [
    ['operator', folder],
    ['shipped', SHIPPED],
  ] as const) {
    if (place === undefined) continue;
    for (const name of await lockFiles(place)) {
      const file = `${name}.json`;
      const text = await readIfThere(join(place, file));
      if (text !== undefined && !found.has(file))
        found.set(file, { lock: parseToolchainLock(text, file), origin });
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, locked]) => locked);
}

/** Adds a lock to the operator's folder, in place of one of that name and version. */
export async function addToolchainLock(lock: ToolchainLock, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, lockFile(lock));
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, formatToolchainLock(lock), { flag: 'wx' });
  await rename(temporary, path);
  return path;
}

export function formatToolchainLock(lock: ToolchainLock): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

function lockFile({ name, version }: { name: string; version: string }): string {
  return `${ToolchainLabel.parse(name)}-${ToolchainVersion.parse(version)}.json`;
}

async function lockFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.json')).map((name) => name.replace(/\.json$/, ''));
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
