import Docker from 'dockerode';
import { RebuildError } from '../../errors.js';
import { thisArchitecture, type Architecture } from '../seccomp/rules.js';
import { unavailable } from './engine-error.js';

/** What engines call the machines that we know. */
export const ENGINE_ARCHITECTURE = { x64: 'amd64', arm64: 'arm64' } as const;
const MACHINE: Readonly<Record<Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** @throws RebuildError `sandbox-unavailable` on a machine that no toolchain is for */
export function engineArchitecture(): Architecture {
  const architecture = thisArchitecture();
  if (architecture !== undefined) return architecture;
  throw new RebuildError('sandbox-unavailable', `Docker is not used on ${process.arch}`);
}

interface EngineInfo {
  readonly ServerVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly MemoryLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly SecurityOptions?: readonly string[];
}

/**
 * The engine that the environment names: `DOCKER_HOST` and its kin, else the machine's own socket.
 * @throws RebuildError `sandbox-unavailable` when there is none or when it cannot bound a build
 */
export async function findEngine(): Promise<{ docker: Docker; version: string }> {
  const docker = new Docker();
  let info: EngineInfo;
  try {
    info = (await docker.info()) as EngineInfo;
  } catch (error) {
    throw unavailable(error);
  }
  const lacking = [
    info.OSType !== 'linux' && 'it does not run Linux containers',
    info.Architecture !== MACHINE[engineArchitecture()] &&
      `it runs on ${info.Architecture}, the toolchains are for ${MACHINE[engineArchitecture()]}`,
    info.MemoryLimit !== true && 'it cannot limit memory',
    info.PidsLimit !== true && 'it cannot limit processes',
    info.SecurityOptions?.some((option) => option.includes('seccomp')) !== true &&
      'it has no seccomp',
  ].filter((reason) => reason !== false);
  if (lacking.length > 0)
    throw new RebuildError(
      'sandbox-unavailable',
      `the Docker engine cannot hold a build: ${lacking.join('; ')}`,
    );
  return { docker, version: info.ServerVersion };
}
