import { mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RebuildOptions } from './rebuild-options.js';
import { BubblewrapSandbox } from './sandbox/bubblewrap.js';
import { BlobStore } from './source/blob-store.js';
import { NpmSource } from './source/npm-source.js';
import { readRegistryConfig } from './source/registry-config.js';
import { readToolchainLock } from './toolchain/lock-folders.js';
import { assembleToolchain, type Toolchain } from './toolchain/toolchain.js';

/** Shared by all specs, and kept between runs. */
const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));

/** A real toolchain of the shipped locks, and what it takes to build with it. */
export async function realToolchain(
  name: string,
  version: string,
): Promise<{ toolchain: Toolchain; options: RebuildOptions; work: string }> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  const lock = await readToolchainLock({ name, version });
  const toolchain = await assembleToolchain(lock, source, CACHE);
  const work = await mkdtemp(join(tmpdir(), `${name}-`));
  const sandbox = await BubblewrapSandbox.open();
  return { toolchain, options: { cache: CACHE, work, source, sandbox }, work };
}
