import type { UploadedFile, VaryWhen } from '@touchstone/contract';
import type { DependencyOptions } from './dependencies/sources.js';
import type { Executor } from './sandbox/executor.js';
import type { SandboxLimits } from './sandbox/sandbox-limits.js';
import type { NpmSource } from './source/npm-source.js';
import type { Sources } from './source/sources.js';
import type { AssembleOptions } from './toolchain/toolchain.js';

export type RebuildStage = 'artifact' | 'source' | 'toolchain' | 'build' | 'compare' | 'variation';

/** Longer and a worker is kept from its next rebuild by one that it has judged already. */
export const DEFAULT_VARIATION_MS = 900_000;

export interface RebuildOptions {
  /** Folder for fetched files and toolchains; made when needed. */
  readonly cache: string;
  /** Folder for the workspaces of running builds; `work` in the cache unless told. */
  readonly work?: string;
  readonly source: NpmSource;
  /** Where sources of other kinds come from; public addresses alone unless told. */
  readonly sources?: Sources;
  readonly sandbox: Executor;
  /** Of uploaded artifacts, for recipes that have one; checked against its digest here. */
  readonly readUpload?: (file: UploadedFile) => Promise<Uint8Array>;
  readonly limits?: Partial<SandboxLimits>;
  /** The operator's locks, looked up before those that come with this package. */
  readonly toolchains?: string;
  /** Where toolchains of Debian's packages and of images come from. */
  readonly toolchainFiles?: Omit<AssembleOptions, 'signal'>;
  /** Where the packages come from that a source's lock file pins. */
  readonly registries?: DependencyOptions;
  /**
   * Whether to build again with circumstances varied that must not matter, to tell a build that is
   * not deterministic from one by another toolchain. `never` and `always` are the operator's last
   * word; else the recipe's wish goes first. Never unless somebody asks.
   */
  readonly vary?: VaryWhen;
  /** For all builds of a variation together. */
  readonly variationMilliseconds?: number;
  readonly now?: () => Date;
  readonly onProgress?: (stage: RebuildStage) => void;
  readonly signal?: AbortSignal;
}
