import type { Published } from '../append-pool.js';
import type { Deferred } from '../deferred.js';

/**
 * Publication that goes on beside the batches, for logs whose checkpoints must be witnessed first:
 * the way to the witnesses and back is long, and batches become durable meanwhile. One checkpoint
 * is on its way at a time; the next one covers all that was committed until it starts.
 *
 * When one cannot be published, those who waited for it are told so. Their entries are durable
 * and stand in every later checkpoint.
 */
export class Publication {
  readonly #publish: () => Promise<Published>;
  #waiting: Deferred[] = [];
  #asked = false;
  #running: Promise<void> | undefined;

  constructor(publish: () => Promise<Published>) {
    this.#publish = publish;
  }

  /** Settles a batch that is committed with the first checkpoint made from now on: it covers it. */
  add(batch: Deferred): void {
    this.#waiting.push(batch);
    this.start();
  }

  /** Publishes the committed tree, at once or after the checkpoint that is on its way. */
  start(): void {
    this.#asked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#asked) {
      this.#asked = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        const published = await this.#publish();
        for (const batch of waiting) batch.resolve(published);
      } catch (error) {
        for (const batch of waiting) batch.reject(error);
      }
    }
  }
}
