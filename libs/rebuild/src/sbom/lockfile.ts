import { RebuildError } from '../errors.js';
import { readCargoLock } from './cargo-lock.js';
import type { DependencyGraph } from './dependency-graph.js';
import { readGoModules } from './go-modules.js';
import { readPackageLock } from './package-lock.js';

/** Names of lockfiles, and of the file beside each that says more. In order of preference. */
export const LOCKFILES = [
  { name: 'Cargo.lock', beside: 'Cargo.toml' },
  { name: 'go.mod', beside: 'go.sum' },
  { name: 'npm-shrinkwrap.json', beside: undefined },
  { name: 'package-lock.json', beside: undefined },
] as const;

/**
 * Reads a lockfile by its name, with the file beside it where there is one.
 *
 * @throws RebuildError `lockfile-malformed`, `lockfile-unsupported`, `lockfile-too-large`
 */
export function readLockfile(
  name: string,
  bytes: Uint8Array,
  beside?: Uint8Array,
): DependencyGraph {
  switch (name) {
    case 'Cargo.lock':
      return readCargoLock(bytes, beside);
    case 'go.mod':
      return readGoModules(bytes, beside);
    case 'npm-shrinkwrap.json':
    case 'package-lock.json':
      return readPackageLock(bytes, name);
    default:
      throw new RebuildError(
        'lockfile-unsupported',
        `${name} is none of ${LOCKFILES.map((lockfile) => lockfile.name).join(', ')}`,
      );
  }
}
