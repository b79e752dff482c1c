import type { WitnessEvent } from '@touchstone/tlog';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** How the witnesses of the log do, by their name in the policy. */
export class WitnessMetrics {
  readonly #requests: Counter<'witness' | 'result'>;
  readonly #seconds: Histogram<'witness'>;
  readonly #last: Gauge<'witness'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'tlog_witness_results_total',
      help: 'How asking a witness for a cosignature ended',
      labelNames: ['witness', 'result'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'tlog_witness_seconds',
      help: 'From asking a witness to its verified cosignature',
      labelNames: ['witness'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#last = new Gauge({
      name: 'tlog_witness_cosigned',
      help: '1 when the witness cosigned the last time it was asked',
      labelNames: ['witness'],
      registers,
    });
  }

  observe({ witness, result, duration }: WitnessEvent): void {
    this.#requests.inc({ witness, result });
    this.#last.set({ witness }, result === 'cosigned' ? 1 : 0);
    if (result === 'cosigned') this.#seconds.observe({ witness }, duration / 1000);
  }
}
