import { RebuildError } from '../../errors.js';
import { TOOLCHAIN_LOCK_SCHEMA, ToolchainLock } from '../toolchain-lock.js';
import { componentParts } from '../npm/components.js';
import { readSuiteIndex, type IndexOptions } from './apt-index.js';
import { resolveClosure } from './closure.js';
import { LEAVE_OUT, type Profile } from './profiles.js';

export interface LockDebianOptions extends Omit<IndexOptions, 'architecture'> {
  /** For which machines, by `process.arch`. */
  readonly architectures: readonly ('x64' | 'arm64')[];
  /** Name of the toolchain, when not the profile's. */
  readonly name?: string;
  /** Version of the toolchain, when not that of its main package. */
  readonly version?: string;
  /** With what lifts modules into components, see componentParts; the name says so too. */
  readonly components?: boolean;
  /** Packages more, e.g. a library that some publication links. */
  readonly with?: readonly string[];
  /** Left out besides what the profile leaves out. */
  readonly without?: readonly string[];
}

const DEBIAN_ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' } as const;

/**
 * A lock of what the suite has now.
 * @param cache folder for apt's lists
 * @throws RebuildError `index-unavailable`, `index-expired`, `package-unknown`, `toolchain-tools`
 */
export async function lockDebian(
  profile: Profile,
  cache: string,
  options: LockDebianOptions,
): Promise<ToolchainLock> {
  const parts = options.components === true ? await componentParts() : undefined;
  const libraries = parts === undefined ? [] : ['libstdc++6'];
  const architectures: NonNullable<ToolchainLock['debian']>['architectures'] = {};
  let date: string | undefined;
  let version: string | undefined;
  for (const architecture of options.architectures) {
    const index = await readSuiteIndex(cache, {
      ...options,
      architecture: DEBIAN_ARCHITECTURES[architecture],
    });
    date ??= index.date;
    version ??= index.packages.get(profile.main)?.pin.version;
    architectures[architecture] = resolveClosure(
      index.packages,
      [...profile.wanted, ...libraries, ...(options.with ?? [])],
      [...profile.without, ...(options.without ?? [])],
    );
  }
  if (version === undefined)
    throw new RebuildError('package-unknown', `${options.suite} has no package ${profile.main}`);
  return ToolchainLock.parse({
    schema: TOOLCHAIN_LOCK_SCHEMA,
    name: options.name ?? `${profile.name}${parts === undefined ? '' : '-components'}`,
    version: options.version ?? version.replace(/^\d+:/, ''),
    lineage: 'debian',
    ...(parts === undefined ? {} : { runtime: parts.runtime }),
    packages: parts?.packages ?? [],
    debian: {
      suite: options.suite,
      ...(date === undefined ? {} : { date }),
      architectures,
      leaveOut: LEAVE_OUT,
    },
    ...(profile.links === undefined ? {} : { links: profile.links }),
    ...(profile.environment === undefined ? {} : { environment: profile.environment }),
    commands: { ...profile.commands, ...parts?.commands },
  });
}
