import type { NpmSource } from '../source/npm-source.js';
import type { ResolvedDependency } from '../toolchain/root-inputs.js';
import { PinnedFiles, type PinnedFilesOptions } from '../toolchain/pinned-files.js';

export const CRATES_URL = 'https://static.crates.io/crates';
export const GO_PROXY = 'https://proxy.golang.org';

/** Where fetched packages lie, in the folder that the source was unpacked into. */
export const DEPENDENCY_FOLDER = '.dependencies';

export interface FetchedDependencies {
  /** Every package, for the record of the rebuild. */
  readonly resolved: readonly ResolvedDependency[];
  /** Variables by which the build finds them; `{workspace}` stands for the workspace's folder. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface DependencyOptions extends PinnedFilesOptions {
  /** Base URL below which a crate lies at `NAME/NAME-VERSION.crate`. */
  readonly crates?: string;
  /** Base URL that speaks Go's module proxy protocol (https://go.dev/ref/mod#goproxy-protocol). */
  readonly goProxy?: string;
}

/** Where the packages come from that a source's lock file pins. */
export interface DependencySources {
  readonly npm: NpmSource;
  readonly files: PinnedFiles;
  readonly crates: string;
  readonly goProxy: string;
  readonly download: PinnedFilesOptions;
}

/** @param cache folder, made when first needed */
export function dependencySources(
  npm: NpmSource,
  cache: string,
  { crates, goProxy, ...download }: DependencyOptions = {},
): DependencySources {
  return {
    npm,
    files: new PinnedFiles(cache, download),
    crates: (crates ?? CRATES_URL).replace(/\/+$/, ''),
    goProxy: (goProxy ?? GO_PROXY).replace(/\/+$/, ''),
    download,
  };
}
