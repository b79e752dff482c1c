import { privateKeyFromPem, readPrivateKey } from '@touchstone/keys';
import { destination, pino, type DestinationStream } from 'pino';
import { runAgent } from './agent.js';
import type { WorkerEnvironment } from './environment.js';
import { prepareRebuild } from './rebuild-lease.js';

/** The version that provenance names as that of the builder. */
const VERSION = '0.1.0';

export interface RunningWorker {
  /** Gives back the lease it holds, if any, and resolves when the worker is idle. */
  close(): Promise<void>;
  /** Resolves when the worker has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

export async function startWorker(
  environment: WorkerEnvironment,
  variables: Record<string, string | undefined>,
): Promise<RunningWorker> {
  const logger = pino({ name: 'worker', level: environment.logLevel }, output());
  const key =
    'file' in environment.key
      ? await readPrivateKey(environment.key.file)
      : privateKeyFromPem(environment.key.pem);
  const rebuild = await prepareRebuild(environment, variables, logger);
  const stop = new AbortController();
  const { coordinatorUrl, audience, rebuilderId } = environment;
  logger.info({ coordinatorUrl, rebuilderId }, 'working');
  const ended = runAgent(
    {
      ...{ coordinatorUrl, audience, rebuilderId, key, rebuild, logger },
      version: VERSION,
      now: Date.now,
    },
    stop.signal,
  );
  return {
    ended,
    close: async () => {
      stop.abort();
      await ended;
      logger.info('stopped');
    },
  };
}

/**
 * Standard output, without which the process goes on: where it is a file on a full disk, lines wait
 * (1 MiB of them, later ones are dropped) until there is room again.
 */
function output(): DestinationStream {
  return destination({ dest: 1, sync: true, maxLength: 1_048_576 }).on('error', () => undefined);
}
