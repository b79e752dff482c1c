import { join, resolve } from 'node:path';
import {
  BlobStore,
  readOperatorSettings,
  readToolchainLock,
  type AssembleOptions,
  type NpmSource,
  type OperatorSettings,
  type ToolchainLock,
} from '@touchstone/rebuild';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { DEFAULT_TOOLCHAINS, npmSource } from '../rebuilding.js';

/** Options that every verb of `toolchain` has. */
export interface PlaceOptions {
  cache: string;
  toolchains?: string;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

/** Where locks, files and roots lie, and where files come from. */
export interface Places {
  readonly cache: string;
  /** The operator's folder of locks. */
  readonly locks: string;
  readonly source: NpmSource;
  readonly blobs: BlobStore;
  readonly settings: OperatorSettings;
  readonly assemble: AssembleOptions;
}

export async function openPlaces(options: PlaceOptions, context: Context): Promise<Places> {
  const cache = resolve(options.cache);
  const allowPrivate = options.allowPrivateRegistries === true;
  const settings = readOperatorSettings(context.environment, cache, allowPrivate);
  return {
    cache,
    locks: resolve(options.toolchains ?? settings.toolchains ?? DEFAULT_TOOLCHAINS),
    source: await npmSource(cache, allowPrivate),
    blobs: new BlobStore(join(cache, 'blobs')),
    settings,
    assemble: { ...settings.toolchainFiles, signal: context.stop },
  };
}

/** The lock that `name@version` names, the operator's before one that comes with the program. */
export async function namedLock(label: string, places: Places): Promise<ToolchainLock> {
  const at = label.lastIndexOf('@');
  if (at <= 0)
    throw new CliError(
      'usage',
      `${label} is not NAME@VERSION; see touchstone toolchain ls`,
      EXIT.usage,
    );
  return readToolchainLock(
    { name: label.slice(0, at), version: label.slice(at + 1) },
    places.locks,
  );
}
