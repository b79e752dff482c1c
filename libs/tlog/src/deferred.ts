import type { Published } from './append-pool.js';

/** A promise that is settled from outside. */
export interface Deferred {
  readonly promise: Promise<Published>;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred(): Deferred {
  let resolve!: Deferred['resolve'];
  let reject!: Deferred['reject'];
  const promise = new Promise<Published>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  // Whoever awaits it sees the rejection; nobody has to.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
