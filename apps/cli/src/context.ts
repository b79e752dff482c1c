import { coordinatorRoutes, makeClient, type Client } from '@touchstone/contract';
import type { Terminal } from './terminal.js';
import type { ExitCode } from './failure.js';

/** What every command is handed; nothing below reads `process` for itself. */
export interface Context {
  readonly terminal: Terminal;
  readonly environment: Record<string, string | undefined>;
  /** Aborted on the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
  /** The exit code of a command that ended without an error; 0 unless it says otherwise. */
  exitCode: ExitCode;
}

export const DEFAULT_COORDINATOR = 'http://127.0.0.1:7400';
export const DEFAULT_LOG = 'http://127.0.0.1:7401';

/** A client of the coordinator with whatever tokens the operator holds. */
export function coordinatorClient(
  baseUrl: string,
  tokens: { admin?: string | undefined; submitter?: string | undefined } = {},
): Client<typeof coordinatorRoutes> {
  return makeClient(coordinatorRoutes, {
    baseUrl,
    fetch: fetch as never,
    authorize: ({ auth }) => {
      const token =
        auth === 'admin' ? tokens.admin : auth === 'submitter' ? tokens.submitter : undefined;
      return token === undefined ? undefined : `Bearer ${token}`;
    },
  });
}
