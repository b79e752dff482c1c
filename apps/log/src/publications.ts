import { TlogError } from '@touchstone/tlog';
import type { Published, TlogEvent } from '@touchstone/tlog';

const PATIENCE_MS = 30_000;

interface Waiter {
  readonly index: number;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
  readonly current: () => Published;
}

/** Those who wait for a checkpoint over an entry that they did not append themselves. */
export class Publications {
  readonly #waiters = new Set<Waiter>();

  observe(event: TlogEvent): void {
    // The event is told before the engine hands the checkpoint out.
    if (event.type === 'published') setImmediate(() => this.#published());
    if (event.type !== 'failed' || event.error.code !== 'log-poisoned') return;
    for (const waiter of this.#waiters) this.#settle(waiter, () => waiter.reject(event.error));
  }

  covering(index: number, current: () => Published): Promise<Published> {
    const now = current();
    if (now.size > index) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { index, resolve, reject, current };
      this.#waiters.add(waiter);
      setTimeout(() => {
        const message = `no checkpoint covers entry ${index} yet; ask again`;
        this.#settle(waiter, () => reject(new TlogError('publish-failed', message)));
      }, PATIENCE_MS).unref();
    });
  }

  #published(): void {
    for (const waiter of this.#waiters) {
      const published = waiter.current();
      if (published.size > waiter.index) this.#settle(waiter, () => waiter.resolve(published));
    }
  }

  #settle(waiter: Waiter, how: () => void): void {
    if (this.#waiters.delete(waiter)) how();
  }
}
