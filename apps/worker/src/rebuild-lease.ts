import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  BlobStore,
  NpmSource,
  openSandbox,
  operatorSources,
  readOperatorSettings,
  readRegistryConfig,
  rebuild,
} from '@touchstone/rebuild';
import type { Logger } from 'pino';
import type { RebuildLease } from './agent.js';
import type { WorkerEnvironment } from './environment.js';

/** Opens sandbox, cache and registry once, and answers what rebuilds a lease with them. */
export async function prepareRebuild(
  environment: WorkerEnvironment,
  variables: Record<string, string | undefined>,
  logger: Logger,
): Promise<RebuildLease> {
  const { cacheDir, workDir, buildSeconds, allowPrivateRegistries, vary, varySeconds } =
    environment;
  const sandbox = await openSandbox(environment.sandbox);
  logger.info({ sandbox: sandbox.description }, 'sandbox');
  const registries = await readRegistryConfig({
    environment: variables,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(cacheDir, 'blobs')), registries, {
    allowPrivate: allowPrivateRegistries,
  });
  const sources = await operatorSources(source, cacheDir, {
    ...{ registries, environment: variables },
    home: homedir(),
    allowPrivate: allowPrivateRegistries,
  });
  const settings = readOperatorSettings(variables, cacheDir, allowPrivateRegistries);
  // What a killed predecessor left behind.
  const orphans = await sandbox.removeOrphans(workDir);
  if (orphans > 0) logger.warn({ orphans }, 'killed sandboxes that had outlived their worker');
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true, mode: 0o755 });
  return ({ rebuildId, recipe }, signal, coordinator) =>
    rebuild(recipe, {
      ...settings,
      cache: cacheDir,
      work: workDir,
      ...{ source, sources, sandbox, signal },
      readUpload: ({ sha256 }) => coordinator.download({ params: { digest: `sha256:${sha256}` } }),
      limits: { wallMilliseconds: buildSeconds * 1000 },
      ...{ vary, variationMilliseconds: varySeconds * 1000 },
      onProgress: (stage) => {
        logger.info({ rebuild: rebuildId, stage }, 'stage');
      },
    });
}
