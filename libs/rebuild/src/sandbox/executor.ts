import type { SandboxLimits } from './sandbox-limits.js';

/**
 * Runs one command, cut off from network and host. Executors differ in what they are made of and in
 * nothing else: for one run all of them give the same bytes and fail with the same codes.
 */
export interface Executor {
  readonly kind: SandboxKind;
  /** For the record of a rebuild, e.g. `bubblewrap 0.8.0`. */
  readonly description: string;
  /**
   * When this returns or throws, no process of the run exists any more.
   * @throws RebuildError `build-exit` (message with exit code and the end of standard error),
   *   `build-timeout`, `build-memory`, `build-processes`, `build-disk`, `build-output-flood`,
   *   `sandbox-unavailable`, `aborted`
   */
  run(run: SandboxRun): Promise<SandboxResult>;
  /**
   * Ends what a killed predecessor left running on the workspaces in a folder. For a worker that
   * takes the folder over, before it empties it.
   * @returns how many were found
   */
  removeOrphans(work: string): Promise<number>;
}

export type SandboxKind = 'bubblewrap' | 'docker';

export interface SandboxRun {
  /** A whole root file system, mounted read-only as `/`; it has the folders dev, proc, tmp, work. */
  readonly root: string;
  /** Tree digest of the root, when it is known: an executor may keep a copy of the root by it. */
  readonly rootDigest?: string;
  /** Folder on this machine, writable inside; the run may change its owner. */
  readonly workspace: string;
  /** Where the workspace is inside; `/work` unless told. */
  readonly mountPoint?: string;
  /** Where to start, relative to the workspace. */
  readonly directory: string;
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Files and folders of this machine that are added inside, read-only. */
  readonly mounts?: readonly ReadOnlyMount[];
  /** `touchstone` unless told. */
  readonly hostname?: string;
  /** User and group id inside; 1000 unless told. */
  readonly uid?: number;
  /** 0o022 unless told. */
  readonly umask?: number;
  /** How many processors the run may use and see; all of this machine's unless told. */
  readonly cpus?: number;
  /** Standard input. */
  readonly input?: string;
  readonly limits?: Partial<SandboxLimits>;
  readonly signal?: AbortSignal;
}

export interface ReadOnlyMount {
  /** On this machine. */
  readonly source: string;
  /**
   * Absolute path inside. It exists in the root, or its first folder does not (and is made), or it
   * lies below `/tmp`.
   */
  readonly target: string;
}

export interface SandboxResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
  /** Most resident memory that was seen, in bytes. */
  readonly peakMemory: number;
  /** Of an executor that made the root an image: the image's id, `sha256:…`. */
  readonly image?: string;
}
