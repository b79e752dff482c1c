import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, openDatabase, StoreError } from '@touchstone/store';
import { pino, type Logger } from 'pino';
import { backoff, startLoop, type Loop } from './background/loop.js';
import { relayOutbox } from './background/relay.js';
import {
  refillQueue,
  sweepLeases,
  sweepRequestTokens,
  type SweepParts,
} from './background/sweep.js';
import { Bell } from './bell.js';
import { readEnvironment } from './environment.js';
import { createHttpServer } from './http-server.js';
import { LeaseDesk } from './leases/lease-desk.js';
import { LogClient } from './log/log-client.js';
import { writeToLog } from './log/log-writer.js';
import { LogPin } from './log/pinned-log.js';
import { makeMetrics } from './operations/metrics.js';
import { readinessOf } from './operations/readiness.js';
import { gatherEvidence } from './publications/evidence.js';
import { postgresQueueBackend, redisQueueBackend } from './queue/queue-backend.js';
import { RebuildQueue } from './queue/rebuild-queue.js';

export interface Coordinator {
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

/** How long after a failure of the queue its work is tried again. */
const QUEUE_RETRY_MILLISECONDS = 1000;
/** How long the work in the background may take to end before its connections are cut. */
const STOP_MILLISECONDS = 5000;
/** The loops are kicked when there is work; this is for what another coordinator left behind. */
const IDLE_MILLISECONDS = 1000;

/**
 * Starts a coordinator with an environment such as process.env: brings the database up to date,
 * opens the queue, and serves HTTP. It starts without the log too, and is then not ready until the
 * log can be reached.
 *
 * @throws EnvironmentError; StoreError `log-conflict` when the log is not the one this database belongs to
 */
export async function startCoordinator(
  variables: Readonly<Record<string, string | undefined>>,
  options: CoordinatorOptions = {},
): Promise<Coordinator> {
  const environment = readEnvironment(variables);
  const now = options.now ?? Date.now;
  const logger = options.logger ?? pino({ level: environment.LOG_LEVEL });
  const onError = (error: Error): void => logger.warn({ err: error }, 'queue connection');

  await migrate(environment.DATABASE_URL);
  const db = openDatabase({
    url: environment.DATABASE_URL,
    connections: environment.DATABASE_CONNECTIONS,
  });
  const backend =
    environment.REDIS_URL === undefined
      ? postgresQueueBackend(environment.DATABASE_URL, onError)
      : redisQueueBackend(environment.REDIS_URL, onError);
  const leaseMilliseconds = environment.LEASE_SECONDS * 1000;
  const queue = new RebuildQueue(backend, { lockMilliseconds: leaseMilliseconds, onError });
  const log = new LogClient({ url: environment.LOG_URL, token: environment.LOG_WRITE_TOKEN });
  const pin = new LogPin({ db, log, vkey: environment.LOG_VKEY, now });
  const stopping = new AbortController();
  const bell = new Bell();
  const policy = {
    quorum: environment.POLICY_QUORUM,
    ...(environment.POLICY_ACCEPT_EQUIVALENT ? { acceptEquivalent: true } : {}),
  };
  const metrics = makeMetrics({ db, queue, policy, now });
  const loops: Loop[] = [];
  const letGo = async (): Promise<void> => {
    const idle = Promise.all(loops.map((loop) => loop.stop()));
    // Work that hangs on a queue that is away ends with the queue's connection.
    await Promise.race([idle, sleep(STOP_MILLISECONDS, undefined, { ref: false })]);
    await queue.close();
    await idle;
    await db.$disconnect();
  };

  try {
    await queue.prepare();
    await pinAtStart(pin, logger);
    const background = startBackground();
    const url = { audience: environment.COORDINATOR_AUDIENCE ?? '' };
    const desk = new LeaseDesk({
      db,
      queue,
      bell,
      logger,
      leaseMilliseconds,
      now,
      reported: background.write,
      requeued: background.relay,
    });
    const app = await createHttpServer(
      {
        db,
        policy,
        now,
        desk,
        pin,
        evidence: (id) => gatherEvidence({ db, log, pin }, id),
        relay: background.relay,
        stopping: stopping.signal,
        metrics,
        readiness: readinessOf({ db, queue, log, pin }),
      },
      {
        db,
        adminToken: environment.ADMIN_TOKEN,
        submitToken: environment.SUBMIT_TOKEN,
        audience: () => url.audience,
        now,
      },
      logger,
    );
    await app.listen(environment.PORT, environment.HOST);
    const listening = await app.getUrl();
    if (url.audience === '') url.audience = listening;
    logger.info({ url: listening, audience: url.audience, queue: queue.backend }, 'listening');
    return {
      url: listening,
      async close() {
        stopping.abort();
        await app.close();
        await letGo();
        logger.info('stopped');
      },
    };
  } catch (error) {
    await letGo();
    throw error;
  }

  function startBackground(): { relay: () => void; write: () => void } {
    const retry = environment.RETRY_SECONDS * 1000;
    const retryMax = environment.RETRY_MAX_SECONDS * 1000;
    const relayParts = { db, queue, bell, now, retryMilliseconds: QUEUE_RETRY_MILLISECONDS };
    const relay = startLoop({
      name: 'relay',
      pauseMilliseconds: IDLE_MILLISECONDS,
      logger,
      work: () => relayOutbox(relayParts),
    });
    const writer = startLoop({
      name: 'log',
      pauseMilliseconds: IDLE_MILLISECONDS,
      logger,
      work: () =>
        writeToLog({
          db,
          log,
          logger,
          now,
          vkey: async () => (await pin.get()).vkey,
          retryMilliseconds: retry,
          retryMaxMilliseconds: retryMax,
          appended: metrics.appended,
        }),
    });
    const sweepParts: SweepParts = {
      db,
      queue,
      bell,
      now,
      backoff: (attempt) => backoff(attempt, retry, retryMax),
    };
    const sweep = startLoop({
      name: 'sweep',
      pauseMilliseconds: environment.SWEEP_SECONDS * 1000,
      logger,
      async work() {
        const lapsed = await sweepLeases(sweepParts);
        if (lapsed > 0) {
          metrics.leasesLapsed(lapsed);
          logger.info({ lapsed }, 'leases lapsed');
          relay.kick();
        }
        await sweepRequestTokens(sweepParts);
        const added = await refillQueue(sweepParts);
        if (added > 0) logger.info({ added }, 'the queue was filled from the database');
        return false;
      },
    });
    loops.push(relay, writer, sweep);
    return { relay: () => relay.kick(), write: () => writer.kick() };
  }
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
