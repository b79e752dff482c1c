import type { Database } from '@touchstone/store';
import type { Logger } from 'pino';
import type { Bell } from '../bell.js';
import type { Environment } from '../environment.js';
import type { LogClient } from '../log/log-client.js';
import type { LogHead } from '../log/log-head.js';
import type { LogKeys } from '../log/log-keys.js';
import { writeToLog } from '../log/log-writer.js';
import type { LogPin } from '../log/pinned-log.js';
import type { Metrics } from '../operations/metrics.js';
import type { RebuildQueue } from '../queue/rebuild-queue.js';
import { backoff, startLoop, type Loop } from './loop.js';
import { relayOutbox } from './relay.js';
import { refillQueue, sweepLeases, sweepRequestTokens } from './sweep.js';

/** How long after a failure of the queue its work is tried again. */
const QUEUE_RETRY_MILLISECONDS = 1000;
/** The loops are kicked when there is work; this is for what another coordinator left behind. */
const IDLE_MILLISECONDS = 1000;
/** How often the log is asked what it has said of itself; a new key is followed at once. */
const LIFE_MILLISECONDS = 60_000;

export interface BackgroundParts {
  readonly environment: Environment;
  readonly db: Database;
  readonly queue: RebuildQueue;
  readonly bell: Bell;
  readonly log: LogClient;
  readonly pin: LogPin;
  readonly head: LogHead;
  readonly keys: LogKeys;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly now: () => number;
}

/** What goes on without being asked. Any number of coordinators on one database may do it. */
export interface Background {
  /** There is something new for the queue. */
  readonly relay: () => void;
  /** There is something new for the log. */
  readonly write: () => void;
  stop(): Promise<void>;
}

export function startBackground(parts: BackgroundParts): Background {
  const { environment, logger } = parts;
  const idle = { pauseMilliseconds: IDLE_MILLISECONDS, logger };
  const relay = startLoop({
    ...idle,
    name: 'relay',
    work: () => relayOutbox({ ...parts, retryMilliseconds: QUEUE_RETRY_MILLISECONDS }),
  });
  const writer = startLoop({ ...idle, name: 'log', work: () => write(parts) });
  const sweeper = startLoop({
    name: 'sweep',
    pauseMilliseconds: environment.SWEEP_SECONDS * 1000,
    logger,
    work: () => sweep(parts, relay),
  });
  const life = startLoop({
    name: 'life',
    pauseMilliseconds: LIFE_MILLISECONDS,
    logger,
    work: () => learn(parts),
  });
  return {
    relay: () => relay.kick(),
    write: () => writer.kick(),
    async stop() {
      await Promise.all([relay, writer, sweeper, life].map((loop) => loop.stop()));
    },
  };
}

function write(parts: BackgroundParts): Promise<boolean> {
  const { environment, metrics } = parts;
  return writeToLog({
    ...parts,
    retryMilliseconds: environment.RETRY_SECONDS * 1000,
    retryMaxMilliseconds: environment.RETRY_MAX_SECONDS * 1000,
    appended: (seconds) => metrics.appended(seconds),
  });
}

/** Takes the newest checkpoint too: a log with two histories is found out though nothing is written. */
async function learn({ log, keys, head }: BackgroundParts): Promise<boolean> {
  const signed = await log.checkpoint(keys.open);
  await head.admit(signed);
  await keys.refresh(signed);
  return false;
}

async function sweep(parts: BackgroundParts, relay: Loop): Promise<boolean> {
  const { environment, metrics, logger } = parts;
  const [first, most] = [environment.RETRY_SECONDS * 1000, environment.RETRY_MAX_SECONDS * 1000];
  const sweepParts = { ...parts, backoff: (attempt: number) => backoff(attempt, first, most) };
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
}
