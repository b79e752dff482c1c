import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Recipe } from '@touchstone/contract';
import {
  BlobStore,
  NpmSource,
  openSandbox,
  operatorSources,
  readOperatorSettings,
  readRegistryConfig,
  rebuild,
  type RebuildReport,
  type RebuildStage,
  type RegistryConfig,
  type SandboxChoice,
  type Sources,
} from '@touchstone/rebuild';

/** The operator's locks, unless TOOLCHAINS_DIR names another folder. */
export const DEFAULT_TOOLCHAINS = '.touchstone/toolchains';

/** The npm registries of this machine's npm, with a cache of tarballs in `cacheDir`. */
export async function npmSource(cacheDir: string, allowPrivate: boolean): Promise<NpmSource> {
  return (await localSources(cacheDir, allowPrivate)).source;
}

/** Everything that recipes may name, as this machine's npm, git and docker would have it. */
export async function localSources(
  cacheDir: string,
  allowPrivate: boolean,
): Promise<{ source: NpmSource; sources: Sources; registries: RegistryConfig }> {
  const registries = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(cacheDir, 'blobs')), registries, {
    allowPrivate,
  });
  const sources = await operatorSources(source, cacheDir, {
    ...{ registries, allowPrivate, environment: process.env },
    home: homedir(),
  });
  return { source, sources, registries };
}

/** Rebuilds here, without any server. */
export async function rebuildLocally(
  recipe: Recipe,
  options: {
    readonly cacheDir: string;
    readonly allowPrivate: boolean;
    readonly sandbox: SandboxChoice;
    /** The uploaded artifact, for a recipe that has one. */
    readonly upload?: Uint8Array;
    readonly vary?: 'always' | 'when-different';
    readonly onProgress: (stage: RebuildStage) => void;
    readonly signal: AbortSignal;
  },
): Promise<RebuildReport> {
  const { cacheDir, upload, vary, onProgress, signal } = options;
  const settings = readOperatorSettings(process.env, cacheDir, options.allowPrivate);
  const { source, sources } = await localSources(cacheDir, options.allowPrivate);
  return rebuild(recipe, {
    toolchains: DEFAULT_TOOLCHAINS,
    ...settings,
    cache: cacheDir,
    source,
    sources,
    sandbox: await openSandbox(options.sandbox),
    ...(upload === undefined ? {} : { readUpload: () => Promise.resolve(upload) }),
    ...(vary === undefined ? {} : { vary }),
    ...{ onProgress, signal },
  });
}
