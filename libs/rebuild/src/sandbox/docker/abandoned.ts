import type Docker from 'dockerode';
import { hostname } from 'node:os';
import { HOST_LABEL } from './container-options.js';
import { OWNER_LABEL, ownerHasEnded } from './container-owner.js';
import { isStatus, unavailable } from './engine-error.js';

/** At one opening; what is left then is found by the next. */
const MOST = 100;
const MILLISECONDS = 30_000;

/**
 * Removes what processes of this machine that have ended left in an engine. A running container ends
 * with its owner by itself, but one that was made and not yet started has no process that could
 * notice, and the processes of a paused one cannot. Containers of owners that live, or that cannot
 * be looked for from here, are left alone. Several processes may do this at once.
 *
 * @returns how many were found
 * @throws RebuildError `sandbox-unavailable`
 */
export async function removeAbandoned(docker: Docker): Promise<number> {
  const abortSignal = AbortSignal.timeout(MILLISECONDS);
  const filters = { label: [`${HOST_LABEL}=${hostname()}`, OWNER_LABEL] };
  try {
    const containers = await docker.listContainers({ all: true, filters, abortSignal });
    const abandoned = containers
      .filter(({ Labels }) => ownerHasEnded(Labels[OWNER_LABEL] ?? ''))
      .slice(0, MOST);
    for (const { Id } of abandoned) {
      const options = { force: true, v: true, abortSignal };
      await docker.getContainer(Id).remove(options).catch(refuseUnlessGone);
    }
    return abandoned.length;
  } catch (error) {
    throw unavailable(error);
  }
}

/** It is gone already, or someone else is removing it. */
function refuseUnlessGone(error: unknown): void {
  if (!isStatus(error, 404, 409)) throw error;
}
