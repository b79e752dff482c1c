import { dockerCredentials } from '@touchstone/oci';
import type { NpmSource } from './npm-source.js';
import type { RegistryConfig } from './registry-config.js';
import { Sources } from './sources.js';

export interface OperatorSourcesInput {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly registries: RegistryConfig;
  readonly allowPrivate: boolean;
}

/**
 * Sources as this machine's operator lets them be fetched: through the proxy and with the
 * authorities that npm's configuration names, with the credentials of `docker login`, and by
 * variables of the environment: `GIT_BUNDLES` (files, separated by colons, that are looked into
 * before a repository is asked) and `ALLOW_FILE_REPOSITORIES=true` (recipes may name `file://`).
 */
export async function operatorSources(
  npm: NpmSource,
  cache: string,
  { environment, home, registries, allowPrivate }: OperatorSourcesInput,
): Promise<Sources> {
  const { ca, proxy, noProxy } = registries;
  const bundles = (environment['GIT_BUNDLES'] ?? '').split(':').filter((path) => path !== '');
  return Sources.open(npm, cache, {
    allowPrivate,
    allowFiles: environment['ALLOW_FILE_REPOSITORIES'] === 'true',
    noProxy,
    ...(bundles.length === 0 ? {} : { bundles }),
    ...(ca === undefined ? {} : { ca }),
    ...(proxy === undefined ? {} : { proxy }),
    oci: { credentials: (registry) => dockerCredentials(registry, environment, home) },
  });
}
