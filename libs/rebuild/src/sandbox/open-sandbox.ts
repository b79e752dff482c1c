import { RebuildError } from '../errors.js';
import { BubblewrapSandbox } from './bubblewrap.js';
import type { Executor, SandboxKind } from './executor.js';

/** `auto`: bubblewrap where it works, else Docker. */
export const SANDBOX_CHOICES = ['auto', 'bubblewrap', 'docker'] as const;
export type SandboxChoice = (typeof SANDBOX_CHOICES)[number];

const OPEN: Readonly<Record<SandboxKind, () => Promise<Executor>>> = {
  bubblewrap: () => BubblewrapSandbox.open(),
  // Only when it is wanted: the engine's client is by far the largest part of this package.
  docker: async () => (await import('./docker/docker-sandbox.js')).DockerSandbox.open(),
};

/** @throws RebuildError `sandbox-unavailable`, with the reason of each that was tried */
export async function openSandbox(choice: SandboxChoice): Promise<Executor> {
  if (choice !== 'auto') return OPEN[choice]();
  const reasons: string[] = [];
  for (const kind of ['bubblewrap', 'docker'] as const) {
    try {
      return await OPEN[kind]();
    } catch (error) {
      if (!(error instanceof RebuildError) || error.code !== 'sandbox-unavailable') throw error;
      reasons.push(`${kind}: ${error.message}`);
    }
  }
  throw new RebuildError('sandbox-unavailable', reasons.join('; '));
}
