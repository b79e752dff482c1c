import { join } from 'node:path';
import type { DependencyOptions } from '../dependencies/sources.js';
import { RebuildError } from '../errors.js';
import { DebianSource } from './debian/debian-source.js';
import type { AssembleOptions } from './root-inputs.js';

export interface OperatorSettings {
  /** The operator's locks. */
  readonly toolchains?: string;
  readonly toolchainFiles: Omit<AssembleOptions, 'signal'>;
  readonly registries: DependencyOptions;
}

/**
 * Where this machine gets toolchains and dependencies from, by variables of the environment:
 * `TOOLCHAINS_DIR` (locks), `DEBIAN_MIRROR`, `DEBIAN_SNAPSHOT`, `DEB_FOLDERS` (separated by
 * colons), `CRATES_URL`, and `GOPROXY` as Go has it, of which the first address counts.
 *
 * @throws RebuildError `registry-config`
 */
export function readOperatorSettings(
  environment: Readonly<Record<string, string | undefined>>,
  cache: string,
  allowPrivate: boolean,
): OperatorSettings {
  const url = (name: string, value = environment[name]): string | undefined => {
    if (value === undefined || value === '') return undefined;
    if (!/^https?:\/\//.test(value) || !URL.canParse(value))
      throw new RebuildError('registry-config', `${name}=${value} is not an http or https address`);
    return value;
  };
  const goProxy = url(
    'GOPROXY',
    environment['GOPROXY']?.split(/[,|]/).find((part) => /^https?:/.test(part)),
  );
  const [mirror, snapshot, crates] = ['DEBIAN_MIRROR', 'DEBIAN_SNAPSHOT', 'CRATES_URL'].map(
    (name) => url(name),
  );
  const folders = (environment['DEB_FOLDERS'] ?? '').split(':').filter((path) => path !== '');
  const network = { allowPrivate };
  const toolchains = environment['TOOLCHAINS_DIR'];
  return {
    ...(toolchains === undefined || toolchains === '' ? {} : { toolchains }),
    toolchainFiles: {
      debian: new DebianSource(cache, {
        ...network,
        folders,
        ...(mirror === undefined ? {} : { mirror }),
        ...(snapshot === undefined ? {} : { snapshot }),
      }),
      images: imagesFolder(cache),
    },
    registries: {
      ...network,
      ...(crates === undefined ? {} : { crates }),
      ...(goProxy === undefined ? {} : { goProxy }),
    },
  };
}

/** Where imported images lie. */
export function imagesFolder(cache: string): string {
  return join(cache, 'images');
}
