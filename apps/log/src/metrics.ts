import type { TlogEvent } from '@touchstone/tlog';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What an operator watches, in Prometheus' text format. */
export class LogMetrics {
  readonly registry = new Registry();
  readonly #treeSize = this.#gauge('tlog_tree_size', 'Leaves of the published tree');
  readonly #committed = this.#gauge('tlog_committed_size', 'Leaves of the durable tree');
  readonly #queue = this.#gauge('tlog_queue_depth', 'Entries that wait for a batch');
  readonly #stopped = this.#gauge('tlog_stopped', '1 when the log has stopped for good');
  readonly #frozen = this.#gauge('tlog_frozen', '1 when the log is frozen and takes no entries');
  readonly #batch = this.#histogram(
    'tlog_batch_entries',
    'Entries made durable together',
    [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536],
  );
  readonly #integration = this.#histogram(
    'tlog_integration_seconds',
    'From the start of a batch to its durable state',
    SECONDS,
  );
  readonly #publication = this.#histogram(
    'tlog_publication_seconds',
    'Signing and publishing a checkpoint',
    SECONDS,
  );
  readonly #failures = new Counter({
    name: 'tlog_failures_total',
    help: 'Failures of the engine, by code',
    labelNames: ['code'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  observe(event: TlogEvent): void {
    if (event.type === 'integrated') {
      this.#batch.observe(event.entries);
      this.#integration.observe(event.duration / 1000);
      this.#committed.set(event.size);
    } else if (event.type === 'published') {
      this.#publication.observe(event.duration / 1000);
      this.#treeSize.set(event.size);
    } else {
      this.#failures.inc({ code: event.error.code });
    }
  }

  /** The metrics as text, with what is only known at the moment of asking. */
  async text(now: {
    size: number;
    queued: number;
    stopped: boolean;
    frozen: boolean;
  }): Promise<string> {
    this.#treeSize.set(now.size);
    this.#queue.set(now.queued);
    this.#stopped.set(now.stopped ? 1 : 0);
    this.#frozen.set(now.frozen ? 1 : 0);
    return this.registry.metrics();
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}
