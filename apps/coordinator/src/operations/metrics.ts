import type { Policy, Verdict } from '@touchstone/attest';
import { RebuildState } from '@touchstone/contract';
import {
  countRows,
  findPinnedLog,
  listPublications,
  listRebuilders,
  listSites,
  type Database,
} from '@touchstone/store';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { alarmOf } from '../sites/site-view.js';
import { verdictOn, votingOf } from '../publications/publication-view.js';
import type { RebuildQueue } from '../queue/rebuild-queue.js';

const VERDICTS: readonly Verdict[] = [
  'reproduced',
  'disputed',
  'different',
  'pending',
  'insufficient',
];
const REBUILD_STATES = RebuildState.options;
const PAGE = 200;
/** Verdicts are counted anew at most this often: it takes reading every publication. */
const VERDICTS_MILLISECONDS = 60_000;

export interface Metrics {
  readonly registry: Registry;
  leasesLapsed(count: number): void;
  appended(seconds: number): void;
}

export function makeMetrics(parts: {
  db: Database;
  queue: RebuildQueue;
  policy: Policy;
  now: () => number;
}): Metrics {
  const { db, queue } = parts;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  gaugePublications(registers, parts);
  gaugeRows(registers, db);
  gaugeQueue(registers, db, queue);
  gaugeLog(registers, db);
  gaugeSites(registers, parts);
  const lapsed = new Counter({
    name: 'touchstone_leases_lapsed_total',
    help: 'Leases that ran out without a report.',
    registers,
  });
  const latency = new Histogram({
    name: 'touchstone_log_append_seconds',
    help: 'From the request to the log until its proof of inclusion was verified.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    registry,
    leasesLapsed: (count) => lapsed.inc(count),
    appended: (seconds) => latency.observe(seconds),
  };
}

function gaugePublications(
  registers: Registry[],
  parts: { db: Database; policy: Policy; now: () => number },
): void {
  const countVerdicts = verdictCounter(parts);
  new Gauge({
    name: 'touchstone_publications',
    help: 'Publications by verdict under the policy of this coordinator.',
    labelNames: ['verdict'],
    registers,
    async collect() {
      const counts = await countVerdicts();
      for (const verdict of VERDICTS) this.set({ verdict }, counts.get(verdict) ?? 0);
    },
  });
}

/** What several gauges tell of is asked once for all that are read at the same time. */
function together<T>(ask: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () =>
    (underWay ??= ask().finally(() => {
      underWay = undefined;
    }));
}

/** A gauge for each label; it asks for itself, since gauges are read side by side. */
function gaugeCounts(
  registers: Registry[],
  about: { name: string; help: string; label: string; values: readonly string[] },
  read: () => Promise<ReadonlyMap<string, number>>,
): void {
  const { name, help, label, values } = about;
  new Gauge({
    ...{ name, help, registers },
    labelNames: [label],
    async collect() {
      const counts = await read();
      for (const value of values) this.set({ [label]: value }, counts.get(value) ?? 0);
    },
  });
}

function gaugeRows(registers: Registry[], db: Database): void {
  const rows = together(() => countRows(db));
  gaugeCounts(
    registers,
    {
      name: 'touchstone_attestations',
      help: 'Accepted statements by state; pending ones are not in the log yet.',
      label: 'state',
      values: ['pending', 'logged'],
    },
    async () => (await rows()).attestations,
  );
  gaugeCounts(
    registers,
    {
      name: 'touchstone_outbox',
      help: 'Work that the database owes to the queue and to the log.',
      label: 'kind',
      values: ['enqueue', 'log'],
    },
    async () => (await rows()).outbox,
  );
  gaugeCounts(
    registers,
    {
      name: 'touchstone_rebuilds',
      help: 'Rebuilds by state.',
      label: 'state',
      values: REBUILD_STATES,
    },
    async () => (await rows()).rebuilds,
  );
}

function gaugeQueue(registers: Registry[], db: Database, queue: RebuildQueue): void {
  new Gauge({
    name: 'touchstone_queue_waiting',
    help: 'Jobs that wait for a worker, by rebuilder.',
    labelNames: ['rebuilder'],
    registers,
    async collect() {
      // What a withdrawn one was owed lies in its queue for good, and waits for nobody.
      this.reset();
      for (const { id, withdrawnAt } of await listRebuilders(db)) {
        if (withdrawnAt === null) this.set({ rebuilder: id }, await queue.waiting(id));
      }
    },
  });
}

function gaugeLog(registers: Registry[], db: Database): void {
  const pinned = together(() => findPinnedLog(db));
  new Gauge({
    name: 'touchstone_log_forked',
    help: '1 when the log was seen to sign two histories: nothing is written to it any more.',
    registers,
    async collect() {
      this.set(((await pinned())?.forkCheckpoint ?? null) === null ? 0 : 1);
    },
  });
  new Gauge({
    name: 'touchstone_log_size',
    help: 'Leaves of the largest tree of the log that was seen.',
    registers,
    async collect() {
      this.set(Number((await pinned())?.size ?? 0));
    },
  });
}

/** Rules alarm on touchstone_sites{alarm!="none"} above zero. */
function gaugeSites(registers: Registry[], { db, now }: { db: Database; now: () => number }): void {
  const all = together(() => listSites(db));
  new Gauge({
    name: 'touchstone_site_acknowledged_timestamp_seconds',
    help: 'When the last acknowledgement of a site came back.',
    labelNames: ['site'],
    registers,
    async collect() {
      for (const { id, acknowledgements } of await all()) {
        const [last] = acknowledgements;
        if (last !== undefined) this.set({ site: id }, last.receivedAt.getTime() / 1000);
      }
    },
  });
  new Gauge({
    name: 'touchstone_sites',
    help: 'Sites behind an air gap by alarm: silent for too long, or shown another log than ours.',
    labelNames: ['alarm'],
    registers,
    async collect() {
      const alarms = (await all()).map((site) => alarmOf(site, now()) ?? 'none');
      for (const alarm of ['none', 'overdue', 'forked'] as const) {
        this.set({ alarm }, alarms.filter((one) => one === alarm).length);
      }
    },
  });
}

function verdictCounter(parts: {
  db: Database;
  policy: Policy;
  now: () => number;
}): () => Promise<ReadonlyMap<Verdict, number>> {
  const { db, policy, now } = parts;
  let counts: ReadonlyMap<Verdict, number> = new Map();
  let countedAt = -Infinity;
  return async () => {
    if (now() - countedAt < VERDICTS_MILLISECONDS) return counts;
    const fresh = new Map<Verdict, number>();
    const voting = votingOf(await listRebuilders(db), policy);
    let after: bigint | undefined;
    for (;;) {
      const rows = await listPublications(db, { after, limit: PAGE });
      for (const row of rows) {
        const { verdict } = verdictOn(row, voting);
        fresh.set(verdict, (fresh.get(verdict) ?? 0) + 1);
      }
      after = rows.at(-1)?.position;
      if (rows.length < PAGE) break;
    }
    counts = fresh;
    countedAt = now();
    return counts;
  };
}
