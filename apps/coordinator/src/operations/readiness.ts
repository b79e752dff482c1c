import type { Database } from '@touchstone/store';
import type { LogClient } from '../log/log-client.js';
import type { LogHead } from '../log/log-head.js';
import type { LogPin } from '../log/pinned-log.js';
import type { RebuildQueue } from '../queue/rebuild-queue.js';
import type { Readiness } from './operations.controller.js';

/** How long a part may take to answer before it counts as away. */
const PATIENCE_MILLISECONDS = 2000;

export function readinessOf(parts: {
  db: Database;
  queue: RebuildQueue;
  log: LogClient;
  pin: LogPin;
  head: LogHead;
}): Readiness {
  const { db, queue, log, pin, head } = parts;
  const checks: Record<string, () => Promise<unknown>> = {
    database: () => db.$queryRaw`SELECT 1`,
    queue: () => queue.ping(),
    log: () => log.ping().then(() => pin.get()),
  };
  return async () => {
    const findings = await Promise.all(
      Object.entries(checks).map(async ([name, check]) =>
        (await answers(check)) ? [] : [`the ${name} cannot be reached`],
      ),
    );
    const missing = findings.flat();
    // Without a database nobody knows, and that is said already.
    const forked = await head.forked().catch(() => false);
    return forked ? [...missing, 'the log signed two histories; see the operator guide'] : missing;
  };
}

async function answers(check: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MILLISECONDS);
  });
  const answer = check().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
