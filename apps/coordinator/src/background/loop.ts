import type { Logger } from 'pino';

export interface Loop {
  /** Runs the work soon, and not only when its pause is over. */
  kick(): void;
  /** Resolves when the work at hand is done; there will be no more. */
  stop(): Promise<void>;
}

/**
 * Does `work` over and over, never twice at once, with a pause between; at once again when it
 * answers true or was kicked meanwhile. An error is logged and does not end it.
 */
export function startLoop(options: {
  name: string;
  pauseMilliseconds: number;
  logger: Logger;
  work: () => Promise<boolean>;
}): Loop {
  const { name, pauseMilliseconds, logger, work } = options;
  let stopped = false;
  let kicked = false;
  // Asked as functions, since both change while the loop waits.
  const goesOn = (): boolean => !stopped;
  const mayPause = (): boolean => !stopped && !kicked;
  let wake: (() => void) | undefined;
  let failure: string | undefined;

  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMilliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    while (goesOn()) {
      kicked = false;
      let more = false;
      try {
        more = await work();
        failure = undefined;
      } catch (error) {
        // What goes on failing in the same way is said once.
        const reason = error instanceof Error ? error.message : String(error);
        const level = reason === failure ? 'debug' : 'error';
        logger[level]({ err: error, loop: name }, 'background work failed; it will be tried again');
        failure = reason;
      }
      if (!more && mayPause()) await pause();
    }
  };
  const done = run();
  return {
    kick() {
      kicked = true;
      wake?.();
    },
    async stop() {
      stopped = true;
      wake?.();
      await done;
    },
  };
}

/** Milliseconds to wait after `attempts` failures: doubled each time, up to a most. */
export function backoff(attempts: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** Math.min(attempts - 1, 40));
}
