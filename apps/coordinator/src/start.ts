import { setTimeout as sleep } from 'node:timers/promises';
import { loggedVersion, migrate, openDatabase, StoreError } from '@touchstone/store';
import { destination, pino, type DestinationStream, type Logger } from 'pino';
import { startBackground, type BackgroundParts } from './background/background.js';
import { Bell } from './bell.js';
import { readEnvironment, type Environment } from './environment.js';
import { createHttpServer } from './http-server.js';
import { LeaseDesk } from './leases/lease-desk.js';
import { LogClient } from './log/log-client.js';
import { LogHead } from './log/log-head.js';
import { LogKeys } from './log/log-keys.js';
import { LogPin } from './log/pinned-log.js';
import { makeMetrics } from './operations/metrics.js';
import { readinessOf } from './operations/readiness.js';
import { EvidenceDesk } from './publications/evidence-desk.js';
import { gatherEvidence } from './publications/evidence.js';
import { postgresQueueBackend, redisQueueBackend } from './queue/queue-backend.js';
import { RebuildQueue } from './queue/rebuild-queue.js';
import { takeAcknowledgement } from './sites/acknowledgements.js';

export interface Coordinator {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Finishes the requests at hand, then lets go of queue, log and database. */
  close(): Promise<void>;
}

/** What tests put in place of the world. */
export interface CoordinatorOptions {
  /** Milliseconds since the epoch; the process's clock unless given. */
  readonly now?: () => number;
  readonly logger?: Logger;
}

/** How long the work in the background may take to end before its connections are cut. */
const STOP_MILLISECONDS = 5000;

/**
 * Starts a coordinator with an environment such as process.env: brings the database up to date,
 * opens the queue, and serves HTTP. It starts without the log too, and is then not ready until the
 * log can be reached.
 *
 * @throws EnvironmentError; StoreError `log-conflict` when the log is not the one this database
 *   belongs to
 */
export async function startCoordinator(
  variables: Readonly<Record<string, string | undefined>>,
  options: CoordinatorOptions = {},
): Promise<Coordinator> {
  const environment = readEnvironment(variables);
  const logger =
    options.logger ??
    pino({ level: environment.LOG_LEVEL, base: { service: 'coordinator' } }, output());
  await migrate(environment.DATABASE_URL);
  const parts = openParts(environment, logger, options.now ?? Date.now);
  let background = { stop: () => Promise.resolve() };
  const letGo = async (): Promise<void> => {
    const idle = background.stop();
    // Work that hangs on a queue that is away ends with the queue's connection.
    await Promise.race([idle, sleep(STOP_MILLISECONDS, undefined, { ref: false })]);
    await parts.queue.close();
    await idle;
    await parts.db.$disconnect();
  };
  try {
    await parts.queue.prepare();
    await pinAtStart(parts.pin, logger);
    const running = startBackground(parts);
    background = running;
    const server = await serve(parts, running);
    return {
      url: server.url,
      async close() {
        await server.close();
        await letGo();
        logger.info('stopped');
      },
    };
  } catch (error) {
    await letGo();
    throw error;
  }
}

type Policy = ReturnType<typeof policyOf>;

function policyOf(environment: Environment) {
  return {
    quorum: environment.POLICY_QUORUM,
    ...(environment.POLICY_ACCEPT_EQUIVALENT ? { acceptEquivalent: true } : {}),
  };
}

function openParts(
  environment: Environment,
  logger: Logger,
  now: () => number,
): BackgroundParts & { readonly policy: Policy } {
  const db = openDatabase({
    url: environment.DATABASE_URL,
    connections: environment.DATABASE_CONNECTIONS,
  });
  const onError = (error: Error): void => logger.warn({ err: error }, 'queue connection');
  const backend =
    environment.REDIS_URL === undefined
      ? postgresQueueBackend(environment.DATABASE_URL, onError)
      : redisQueueBackend(environment.REDIS_URL, onError);
  const lockMilliseconds = environment.LEASE_SECONDS * 1000;
  const queue = new RebuildQueue(backend, { lockMilliseconds, onError });
  const log = new LogClient({ url: environment.LOG_URL, token: environment.LOG_WRITE_TOKEN });
  const pin = new LogPin({ db, log, vkey: environment.LOG_VKEY, now });
  const head = new LogHead({ db, log, logger, now });
  const keys = new LogKeys({ log, pin });
  const policy = policyOf(environment);
  const metrics = makeMetrics({ db, queue, policy, now });
  return {
    environment,
    db,
    queue,
    bell: new Bell(),
    log,
    pin,
    head,
    keys,
    metrics,
    logger,
    now,
    policy,
  };
}

async function serve(
  parts: BackgroundParts & { readonly policy: Policy },
  background: { readonly relay: () => void; readonly write: () => void },
): Promise<Coordinator> {
  const { environment, db, queue, bell, log, pin, head, keys, logger, now } = parts;
  const stopping = new AbortController();
  let audience = environment.COORDINATOR_AUDIENCE;
  const desk = new LeaseDesk({
    db,
    queue,
    bell,
    logger,
    now,
    leaseMilliseconds: environment.LEASE_SECONDS * 1000,
    reported: background.write,
    requeued: background.relay,
  });
  const evidence = new EvidenceDesk({
    gather: (id) => gatherEvidence({ db, log, keys, head }, id),
    version: (id) => loggedVersion(db, id),
    now,
  });
  const app = await createHttpServer(
    {
      ...parts,
      desk,
      acknowledgements: (site, signed) => takeAcknowledgement(parts, site, signed),
      evidence: (id) => evidence.get(id),
      relay: background.relay,
      stopping: stopping.signal,
      readiness: readinessOf({ db, queue, log, pin, head }),
    },
    {
      db,
      now,
      adminToken: environment.ADMIN_TOKEN,
      submitToken: environment.SUBMIT_TOKEN,
      // Nobody can ask before we listen, and then it is known.
      audience: () => audience ?? '',
    },
    logger,
  );
  await app.listen(environment.PORT, environment.HOST);
  const url = await app.getUrl();
  audience ??= url;
  logger.info({ url, audience, queue: queue.backend }, 'listening');
  return {
    url,
    async close() {
      // Workers that wait for a lease are told that there is none; then all requests come to an end.
      stopping.abort();
      await app.close();
    },
  };
}

/** A log that is not ours stops the start; one that is away does not. */
async function pinAtStart(pin: LogPin, logger: Logger): Promise<void> {
  try {
    const { origin } = await pin.get();
    logger.info({ origin }, 'this database belongs to the log');
  } catch (error) {
    if (error instanceof StoreError) throw error;
    logger.warn({ err: error }, 'the log is away; trying again');
  }
}

/**
 * Standard output, without which the process goes on: where it is a file on a full disk, lines wait
 * (1 MiB of them, later ones are dropped) until there is room again.
 */
function output(): DestinationStream {
  return destination({ dest: 1, sync: true, maxLength: 1_048_576 }).on('error', () => undefined);
}
