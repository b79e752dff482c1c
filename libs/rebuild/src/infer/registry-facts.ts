import { z } from 'zod';
import { Integrity, type GitCommit, type NpmTarball } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { RegistryConfig } from '../source/registry-config.js';
import { repositoryUrl } from './provenance/repository-url.js';
import { readRegistryDocument, type RegistryOptions } from './registry-document.js';

export interface RegistryFacts {
  readonly artifact: NpmTarball;
  /** The commit that `gitHead` names. Nobody vouches for it: only a rebuild shows whether it is so. */
  readonly gitHead?: GitCommit;
}

const COMMIT = /^[0-9a-f]{40}$/;

const Manifest = z.object({
  dist: z.object({ integrity: Integrity }),
  gitHead: z.string().optional().catch(undefined),
  repository: z
    .union([z.string(), z.object({ url: z.string() }).transform(({ url }) => url)])
    .optional()
    .catch(undefined),
});

/**
 * What the registry tells of one version: its integrity, and where its source is said to be.
 *
 * @throws RebuildError of the download, `package-malformed`
 */
export async function readRegistryFacts(
  config: RegistryConfig,
  { name, version }: { name: string; version: string },
  options: RegistryOptions = {},
): Promise<RegistryFacts> {
  const path = (escaped: string): string => `${escaped}/${encodeURIComponent(version)}`;
  const manifest = Manifest.safeParse(await readRegistryDocument(config, name, path, options));
  if (!manifest.success)
    throw new RebuildError(
      'package-malformed',
      `the registry gives no sha512 integrity of ${name}@${version}`,
    );
  const { dist, gitHead: commit, repository } = manifest.data;
  const artifact: NpmTarball = { kind: 'npm', name, version, integrity: dist.integrity };
  const url = repositoryUrl(repository ?? '');
  if (url === undefined || commit === undefined || !COMMIT.test(commit)) return { artifact };
  return { artifact, gitHead: { kind: 'git', url, commit } };
}
