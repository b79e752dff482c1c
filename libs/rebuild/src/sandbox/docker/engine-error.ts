import { Readable } from 'node:stream';
import { RebuildError } from '../../errors.js';

/** Whether an engine answered with this HTTP status. */
export function isStatus(error: unknown, ...statuses: number[]): boolean {
  if (!(error instanceof Error) || !('statusCode' in error)) return false;
  return statuses.includes(Number(error.statusCode));
}

/** The client's types say less of its streams than they are. */
export function asReadable(stream: unknown): Readable {
  if (stream instanceof Readable) return stream;
  throw new RebuildError('sandbox-unavailable', 'the Docker engine answered without a stream');
}

/** What an engine refuses, or that there is none, is no fault of the build. */
export function unavailable(error: unknown): RebuildError {
  if (error instanceof RebuildError) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new RebuildError('sandbox-unavailable', `the Docker engine failed: ${said}`, {
    cause: error,
  });
}
