import { rename } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { removeTree } from '../../toolchain/tree.js';
import type { Executor, SandboxResult, SandboxRun } from '../executor.js';
import { refuseFailure } from '../failure.js';
import { DEFAULT_LIMITS, MAX_WORKSPACE_DEPTH, type SandboxLimits } from '../sandbox-limits.js';
import { removeAbandoned } from './abandoned.js';
import { containerOptions, HOST_LABEL, WORKSPACE_LABEL } from './container-options.js';
import { Container } from './container.js';
import { findEngine } from './engine.js';
import { unavailable } from './engine-error.js';
import { RootImages } from './root-image.js';
import { tarStream } from './tar-stream.js';
import { unpackWorkspace, workspaceItems, type ArchiveUsage } from './workspace-archive.js';

/**
 * Runs a command in a container of a Docker engine, which may be on another machine: files move
 * through the engine's API, and no folder of the machine nor the engine's socket is ever mounted.
 *
 * One container for each run, gone when the run is over. If this process is killed, a running
 * container ends by itself, for its first process waits for us to let go of its standard input; one
 * that does not run is removed by whoever opens a Docker sandbox on this machine next.
 */
export class DockerSandbox implements Executor {
  readonly kind = 'docker';
  readonly description: string;
  readonly #docker: Docker;
  readonly #images: RootImages;

  private constructor(docker: Docker, version: string) {
    this.#docker = docker;
    this.#images = new RootImages(docker);
    this.description = `docker ${version}`;
  }

  /**
   * The engine is the one that `DOCKER_HOST` names, or else the machine's own. Containers that
   * killed processes of this machine left in it are removed.
   * @throws RebuildError `sandbox-unavailable` when there is none, or when it cannot bound a build
   */
  static async open(): Promise<DockerSandbox> {
    const { docker, version } = await findEngine();
    await removeAbandoned(docker);
    return new DockerSandbox(docker, version);
  }

  async run(run: SandboxRun): Promise<SandboxResult> {
    run.signal?.throwIfAborted();
    const limits = { ...DEFAULT_LIMITS, ...run.limits };
    const uid = run.uid ?? 1000;
    const mountPoint = run.mountPoint ?? '/work';
    const [image, items] = await Promise.all([
      this.#images.imageOf(run.root, run.rootDigest, run.mounts ?? []),
      workspaceItems(run.workspace, uid),
    ]);
    const plan = { run, limits, image, mountPoint, user: `${uid}:${uid}`, host: hostname() };
    const container = await Container.start(this.#docker, containerOptions(plan), run.signal);
    try {
      await container.put(mountPoint, Readable.from(tarStream(items)));
      const { exit, output, ...result } = await container.execute(plan);
      const usage = await replaceWorkspace(container, mountPoint, run.workspace, limits);
      refuseFailure(exit, usage, run, limits, output);
      return { ...output.texts(), ...result, image };
    } catch (error) {
      throw container.reasonOf(error);
    } finally {
      await container.remove();
    }
  }

  async removeOrphans(work: string): Promise<number> {
    const folder = `${resolve(work)}${sep}`;
    const filters = { label: [`${HOST_LABEL}=${hostname()}`, WORKSPACE_LABEL] };
    try {
      const found = (await this.#docker.listContainers({ all: true, filters })).filter(
        ({ Labels }) => resolve(Labels[WORKSPACE_LABEL] ?? '').startsWith(folder),
      );
      for (const { Id } of found)
        await this.#docker.getContainer(Id).remove({ force: true, v: true });
      return found.length;
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/** The workspace becomes what the container has in its place. */
async function replaceWorkspace(
  container: Container,
  mountPoint: string,
  workspace: string,
  limits: SandboxLimits,
): Promise<ArchiveUsage> {
  const fresh = `${workspace}.new`;
  const before = `${workspace}.old`;
  const archive = await container.get(mountPoint);
  try {
    const usage = await unpackWorkspace(archive, fresh, {
      bytes: limits.workspaceBytes,
      entries: limits.workspaceEntries,
      depth: MAX_WORKSPACE_DEPTH,
    });
    await rename(workspace, before);
    await rename(fresh, workspace);
    return usage;
  } finally {
    // The engine waits for the reader, also with the container's removal.
    archive.destroy();
    await removeTree(fresh);
    await removeTree(before);
  }
}
