import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError, systemCode } from '../errors.js';
import type { ToolchainRuntime } from './toolchain-lock.js';

export interface HostFile {
  /** Where it lies, here and in the root: the dynamic linker looks in the same places there. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const TRIPLETS: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};

/**
 * The dynamic linker and the libraries that the runtime needs, from this machine.
 * @throws RebuildError `toolchain-runtime` when one is missing, as on a machine without glibc
 */
export async function readHostLibraries(
  runtime: ToolchainRuntime,
  architecture: string,
): Promise<HostFile[]> {
  const triplet = TRIPLETS[architecture] ?? architecture;
  const folders = [
    `/lib/${triplet}`,
    `/usr/lib/${triplet}`,
    '/lib64',
    '/usr/lib64',
    '/lib',
    '/usr/lib',
  ];
  const files = [await readFirst([runtime.interpreter])];
  for (const library of [...runtime.libraries].sort())
    files.push(await readFirst(folders.map((folder) => join(folder, library))));
  return files;
}

async function readFirst(paths: readonly string[]): Promise<HostFile> {
  for (const path of paths) {
    try {
      return { path, bytes: await readFile(await realpath(path)) };
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  throw new RebuildError(
    'toolchain-runtime',
    `this machine lacks ${paths[0] ?? 'a library'}, which the toolchain's Node needs: install glibc and libstdc++`,
  );
}
