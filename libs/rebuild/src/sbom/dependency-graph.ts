import { createHash } from 'node:crypto';
import { RebuildError } from '../errors.js';

/** What OSV calls the three registries; package URLs call them npm, cargo and golang. */
export type Ecosystem = 'npm' | 'crates.io' | 'Go';

export type HashAlgorithm = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

export interface PackageHash {
  readonly algorithm: HashAlgorithm;
  /** Lower-case hex. */
  readonly hex: string;
}

/** `registry`: published there; `path`: part of the source tree itself. */
export type Origin = 'registry' | 'git' | 'url' | 'path';

export interface LockedPackage {
  /** Unique in the graph: the package URL, or a name of our own for what has none. */
  readonly ref: string;
  /** As the ecosystem writes it: `@scope/name`, `serde`, `github.com/BurntSushi/toml`. */
  readonly name: string;
  /** Absent where the lockfile has none, as of a folder of the source tree. */
  readonly version?: string;
  /** Absent for what no registry knows. */
  readonly purl?: string;
  readonly origin: Origin;
  /** Where the bytes come from, when the lockfile says so or the registry has one place for them. */
  readonly location?: string;
  /** Of the file at `location`. */
  readonly hashes: readonly PackageHash[];
  /** Go's hash of a module's files (`h1:…`): not of any one file, so not one of `hashes`. */
  readonly goSum?: string;
  /** Only needed to develop and to test. */
  readonly development: boolean;
  /** The build may do without it. */
  readonly optional: boolean;
  /** Refs, sorted. Absent when the lockfile does not say what this package depends on. */
  readonly dependsOn?: readonly string[];
}

export interface LockedFile {
  readonly name: string;
  readonly sha256: string;
}

/** What a lockfile says a build depends on. Packages are sorted by ref. */
export interface DependencyGraph {
  readonly ecosystem: Ecosystem;
  readonly files: readonly LockedFile[];
  readonly root: {
    readonly name: string;
    readonly version?: string;
    readonly dependsOn: readonly string[];
  };
  readonly packages: readonly LockedPackage[];
  /** Whether every package of a build by this lockfile is listed. */
  readonly complete: boolean;
  /** What a reader must know to read the list rightly, one sentence each. */
  readonly remarks: readonly string[];
}

/** How our documents mark a package that is a folder of the source tree. */
export const ORIGIN_PROPERTY = 'touchstone:lockfile:origin';
export const OWN_COMMENT = 'part of the source tree';

export const MAX_LOCKFILE_BYTES = 32 * 1024 * 1024;
export const MAX_PACKAGES = 50_000;
export const MAX_EDGES = 200_000;
const MAX_TEXT = 2048;

export function malformed(file: string, message: string, cause?: unknown): RebuildError {
  const options = cause === undefined ? undefined : { cause };
  return new RebuildError('lockfile-malformed', `${file}: ${message}`, options);
}

/**
 * The text of a lockfile.
 *
 * @throws RebuildError `lockfile-too-large`, `lockfile-malformed`
 */
export function lockfileText(file: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_LOCKFILE_BYTES)
    throw new RebuildError(
      'lockfile-too-large',
      `${file} has ${bytes.length} bytes, more than ${MAX_LOCKFILE_BYTES}`,
    );
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed(file, 'is not UTF-8', cause);
  }
}

export function lockedFile(name: string, bytes: Uint8Array): LockedFile {
  return { name, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A name, version or address out of a lockfile: printable, of one line, bounded. */
export function plainText(file: string, what: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_TEXT)
    throw malformed(file, `${what} must be text of 1 to ${MAX_TEXT} characters`);
  if (/[\p{Cc}\p{Surrogate}\p{Bidi_Control}]/u.test(value))
    throw malformed(file, `${what} must not hold control characters`);
  return value;
}

/** @throws RebuildError `lockfile-too-large` */
export function checkCount(file: string, what: string, count: number, limit: number): void {
  if (count > limit)
    throw new RebuildError('lockfile-too-large', `${file} has more than ${limit} ${what}`);
}

/** By code units, so that the order is the same whatever the locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sortedUnique(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort(compareText);
}
