import { setTimeout as sleep } from 'node:timers/promises';

export interface RoundsOptions {
  /** From the end of one round to the start of the next. */
  readonly intervalMs: number;
  /** One round; it looks at the signal now and then, and may end early. */
  readonly round: (signal: AbortSignal) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** Does the same over and over, beside everything else, until it is closed. */
export class Rounds {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: RoundsOptions) {
    this.#running = this.#run(options);
  }

  /** Resolves when the round under way has ended; there is no other after it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run({ intervalMs, round, failed }: RoundsOptions): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await round(signal).catch((error: unknown) => {
        if (!signal.aborted) failed(error);
      });
      await pause(intervalMs, signal);
    }
  }
}

/** Waits, unless the signal says that nobody needs to. Keeps no process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
