import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { RebuildError } from '../../errors.js';
import { isStatus, unavailable } from './engine-error.js';

/** Some three seconds of waiting in all, besides what the engine itself waits for the kernel. */
const ATTEMPTS = 8;
const FIRST_WAIT = 25;

/**
 * Stops all processes of a container. The kernel freezes a control group one task after the other
 * and may not get hold of one that is in the middle of a system call, least of all on a busy machine;
 * the engine then gives up, thaws the others and says 500 ("unable to freeze"). So it is asked again.
 *
 * @throws RebuildError `sandbox-unavailable`
 */
export async function pause(container: Docker.Container): Promise<void> {
  for (let attempt = 1, wait = FIRST_WAIT; ; attempt += 1, wait *= 2) {
    try {
      await container.pause();
      return;
    } catch (error) {
      if (!isStatus(error, 500)) throw unavailable(error);
      if (attempt === ATTEMPTS)
        throw new RebuildError(
          'sandbox-unavailable',
          `the Docker engine could not pause a container in ${ATTEMPTS} attempts: ${(error as Error).message}`,
          { cause: error },
        );
    }
    await delay(wait);
  }
}
