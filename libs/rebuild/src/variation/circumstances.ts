import type { ReadOnlyMount } from '../sandbox/executor.js';

/** What surrounds a build and must not matter to its bytes. All that is left out is as always. */
export interface Circumstances {
  /** Where the sandbox has the workspace. */
  readonly mountPoint?: string;
  /** Folder within the workspace that the source is put in. */
  readonly folder?: string;
  readonly hostname?: string;
  readonly uid?: number;
  readonly umask?: number;
  readonly cpus?: number;
  /** Files of the source are made in reverse, so that a folder lists them in another order. */
  readonly reverseFiles?: boolean;
  /** Variables that are set unless toolchain, dependencies or recipe set them. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly mounts?: readonly ReadOnlyMount[];
}

/** One circumstance, and what it is varied to. */
export interface Dimension {
  readonly name: string;
  /** For a reader: what it is varied to, or why it cannot be. */
  readonly detail: string;
  /** Absent where this machine or this toolchain does not allow it. */
  readonly circumstances?: Circumstances;
}

/** Several dimensions at once. */
export function together(dimensions: readonly Dimension[]): Circumstances {
  let all: Circumstances = {};
  for (const { circumstances } of dimensions) {
    if (circumstances === undefined) continue;
    const variables = { ...all.variables, ...circumstances.variables };
    const mounts = [...(all.mounts ?? []), ...(circumstances.mounts ?? [])];
    all = { ...all, ...circumstances, variables, mounts };
  }
  return all;
}
