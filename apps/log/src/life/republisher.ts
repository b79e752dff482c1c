import type { TlogEvent } from '@touchstone/tlog';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

export interface RepublisherOptions {
  /** Zero never republishes. */
  readonly intervalMs: number;
  readonly republish: () => void;
  readonly registry: Registry;
  /** Milliseconds of the Unix epoch. */
  readonly clock: () => number;
}

/**
 * Has the checkpoint of a quiet log signed and cosigned anew, so that it can be told from one that
 * is stuck. Any checkpoint counts: the time runs from the last one.
 */
export class Republisher {
  readonly #options: RepublisherOptions;
  readonly #published: Gauge;
  #timer: NodeJS.Timeout | undefined;
  #last = 0;
  #closed = false;

  constructor(options: RepublisherOptions) {
    this.#options = options;
    this.#published = new Gauge({
      name: 'tlog_published_timestamp_seconds',
      help: 'When a checkpoint was last signed and published, in Unix time',
      registers: [options.registry],
    });
    this.#later();
  }

  /** Milliseconds of the Unix epoch; zero before this process published. */
  get last(): number {
    return this.#last;
  }

  observe({ type }: TlogEvent): void {
    if (type !== 'published') return;
    this.#last = this.#options.clock();
    this.#published.set(this.#last / 1000);
    this.#later();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #later(): void {
    const { intervalMs, republish } = this.#options;
    clearTimeout(this.#timer);
    if (this.#closed || intervalMs === 0) return;
    this.#timer = setTimeout(() => {
      republish();
      // One that fails is not told of here, and tried again after the same time.
      this.#later();
    }, intervalMs).unref();
  }
}
