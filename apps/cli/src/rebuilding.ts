import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Recipe } from '@touchstone/contract';
import {
  BlobStore,
  BubblewrapSandbox,
  NpmSource,
  readRegistryConfig,
  rebuild,
  type RebuildReport,
  type RebuildStage,
} from '@touchstone/rebuild';

/** The npm registries of this machine's npm, with a cache of tarballs in `cacheDir`. */
export async function npmSource(cacheDir: string, allowPrivate: boolean): Promise<NpmSource> {
  const registries = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  return new NpmSource(new BlobStore(join(cacheDir, 'blobs')), registries, { allowPrivate });
}

/** Rebuilds here, without any server. */
export async function rebuildLocally(
  recipe: Recipe,
  options: {
    readonly cacheDir: string;
    readonly allowPrivate: boolean;
    /** The uploaded artifact, for a recipe that has one. */
    readonly upload?: Uint8Array;
    readonly onProgress: (stage: RebuildStage) => void;
    readonly signal: AbortSignal;
  },
): Promise<RebuildReport> {
  const { cacheDir, upload, onProgress, signal } = options;
  return rebuild(recipe, {
    cache: cacheDir,
    source: await npmSource(cacheDir, options.allowPrivate),
    sandbox: await BubblewrapSandbox.open(),
    ...(upload === undefined ? {} : { readUpload: () => Promise.resolve(upload) }),
    ...{ onProgress, signal },
  });
}
