import { RebuildError } from '../errors.js';
import type { PinnedFile } from '../toolchain/pinned-files.js';
import type { DependencySources } from './sources.js';

/** @throws RebuildError `dependency-unavailable`, `dependency-mismatch`, `aborted` */
export async function fetchPinned(
  sources: DependencySources,
  file: PinnedFile,
  url: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await sources.files.fetch(file, [url], signal);
  } catch (error) {
    throw dependencyError(error, file.label);
  }
}

/** What went wrong with a package that a lock file names, in the words of this room. */
export function dependencyError(error: unknown, label: string): unknown {
  if (!(error instanceof RebuildError) || error.code === 'aborted') return error;
  const code =
    error.code === 'integrity-mismatch' ? 'dependency-mismatch' : 'dependency-unavailable';
  return new RebuildError(code, `${label}: ${error.message}`, { cause: error });
}
