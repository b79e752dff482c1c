import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InnerPath, Integrity, NpmName, NpmVersion } from '@touchstone/contract';
import { artifactUri } from '@touchstone/attest';
import { z } from 'zod';
import { RebuildError } from '../errors.js';
import { integrityHex } from '../source/integrity.js';
import { readTarball, writeEntries } from '../source/unpack.js';
import type { ResolvedDependency } from '../toolchain/root-inputs.js';
import { dependencyError } from './fetch-pinned.js';
import type { DependencySources, FetchedDependencies } from './sources.js';

const MAX_PACKAGES = 2000;

const Entry = z.object({
  version: NpmVersion.optional(),
  name: NpmName.optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
});
const PackageLock = z.object({
  lockfileVersion: z.literal([2, 3]),
  packages: z.record(z.string().max(1024), Entry),
});

/**
 * Packages of a package-lock.json (version 2 or 3), by their integrity, as `node_modules` beside
 * it. Development packages too: compilers are among them, and so are the libraries they compile.
 * No install script runs.
 */
export async function fetchNpmPackages(
  text: string,
  folder: string,
  sources: DependencySources,
  signal?: AbortSignal,
): Promise<FetchedDependencies> {
  const resolved: ResolvedDependency[] = [];
  for (const { path, pin } of lockedPackages(text)) {
    const label = `${pin.name}@${pin.version}`;
    const bytes = await sources.npm.tarball(pin, signal).catch((error: unknown) => {
      throw dependencyError(error, label);
    });
    const entries = (await readTarball(bytes))
      .map((entry) => ({ ...entry, path: entry.path.split('/').slice(1).join('/') }))
      .filter((entry) => entry.path !== '');
    const target = join(folder, path);
    await mkdir(target, { recursive: true });
    await writeEntries(entries, target);
    resolved.push({
      uri: artifactUri({ kind: 'npm', ...pin }),
      digest: { sha512: integrityHex(pin.integrity) },
    });
  }
  return { resolved, environment: {} };
}

interface LockedPackage {
  readonly path: string;
  readonly pin: { readonly name: string; readonly version: string; readonly integrity: string };
}

function lockedPackages(text: string): LockedPackage[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new RebuildError('dependencies-malformed', 'package-lock.json is not JSON', {
      cause: error,
    });
  }
  const lock = PackageLock.safeParse(document);
  if (!lock.success)
    throw new RebuildError(
      'dependencies-malformed',
      `package-lock.json: ${z.prettifyError(lock.error).slice(0, 500)}`,
    );
  const entries = Object.entries(lock.data.packages).filter(([path]) => path !== '');
  if (entries.length > MAX_PACKAGES)
    throw new RebuildError('dependencies-malformed', `over ${MAX_PACKAGES} packages are locked`);
  // A folder comes before the folders within it, so that each is made by its own package.
  return entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, entry]) => {
      const name = entry.name ?? path.split('node_modules/').at(-1) ?? '';
      const parsed = z
        .object({ path: InnerPath, name: NpmName, version: NpmVersion, integrity: Integrity })
        .safeParse({ ...entry, path, name });
      if (!parsed.success || entry.link === true || !path.startsWith('node_modules/'))
        throw new RebuildError(
          'dependencies-unsupported',
          `package-lock.json: ${path.slice(0, 200)} is not a package of a registry with a sha512 integrity`,
        );
      const { version, integrity } = parsed.data;
      return { path: parsed.data.path, pin: { name: parsed.data.name, version, integrity } };
    });
}
