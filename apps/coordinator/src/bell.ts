/** Lets those who wait for work of one rebuilder know that some may be there. */
export class Bell {
  readonly #waiting = new Map<string, Set<() => void>>();

  ring(rebuilderId: string): void {
    for (const wake of this.#waiting.get(rebuilderId) ?? []) wake();
  }

  /** Resolves when rung, after `milliseconds`, or when `signal` aborts, whichever is first. */
  wait(rebuilderId: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(rebuilderId) ?? new Set();
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(rebuilderId);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal.addEventListener('abort', wake);
      waiting.add(wake);
      this.#waiting.set(rebuilderId, waiting);
    });
  }
}
