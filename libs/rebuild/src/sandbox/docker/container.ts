import { setTimeout as delay } from 'node:timers/promises';
import { finished as streamFinished } from 'node:stream/promises';
import { Writable, type Readable } from 'node:stream';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { RebuildError } from '../../errors.js';
import {
  ABORTED,
  floodExcess,
  memoryExcess,
  processExcess,
  timeExcess,
  type Excess,
} from '../excess.js';
import type { SandboxResult } from '../executor.js';
import { OutputTail } from '../output-tail.js';
import type { SandboxLimits } from '../sandbox-limits.js';
import type { ContainerPlan } from './container-options.js';
import { asReadable, isStatus, unavailable } from './engine-error.js';
import { INIT_PATH } from './init-program.js';
import { pause } from './pause.js';

const WATCH_INTERVAL = 250;
/** How long after its end a command may be waited for: for its last output, for the kernel's word. */
const GRACE = 1000;
const POLL = 20;
const SIGKILL = 128 + 9;

export interface Executed extends Omit<SandboxResult, 'image'> {
  readonly exit: number;
  readonly output: OutputTail;
}

/** A container for one run: it waits, runs one command, waits until its files are fetched, is gone. */
export class Container {
  readonly #container: Docker.Container;
  readonly #docker: Docker;
  #held: Readable | undefined;
  #excess: Excess | undefined;
  #peak = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.#stop(ABORTED);
  };

  private constructor(
    docker: Docker,
    container: Docker.Container,
    signal: AbortSignal | undefined,
  ) {
    [this.#docker, this.#container, this.#signal] = [docker, container, signal];
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#stop(ABORTED);
  }

  static async start(
    docker: Docker,
    options: Docker.ContainerCreateOptions,
    signal: AbortSignal | undefined,
  ): Promise<Container> {
    const created = await docker.createContainer(options).catch((error: unknown) => {
      throw unavailable(error);
    });
    const container = new Container(docker, created, signal);
    try {
      const hold = { stream: true, stdin: true, hijack: true };
      container.#held = asReadable(await created.attach(hold));
      container.#held.on('error', () => undefined);
      await created.start();
      return container;
    } catch (error) {
      await container.remove();
      throw container.reasonOf(error);
    }
  }

  /** Unpacks an archive at a path of the container. */
  async put(path: string, archive: Readable): Promise<void> {
    await this.#container.putArchive(archive, { path });
  }

  /** The archive of a path. Nothing runs meanwhile, and nothing can run afterwards. */
  async get(path: string): Promise<Readable> {
    await pause(this.#container);
    return asReadable(await this.#container.getArchive({ path }));
  }

  /** @throws RebuildError when the run had to be stopped */
  async execute(plan: ContainerPlan): Promise<Executed> {
    const { run, limits } = plan;
    const output = new OutputTail(limits.outputBytes, () => {
      this.#stop(floodExcess(limits));
    });
    const exec = await this.#container.exec({
      ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
      User: plan.user,
      WorkingDir: join(plan.mountPoint, run.directory),
      Cmd: commandLine(plan),
    });
    const started = performance.now();
    const timer = setTimeout(() => {
      this.#stop(timeExcess(limits));
    }, limits.wallMilliseconds);
    const finished = new AbortController();
    const events = await this.#watchMemory(limits);
    try {
      const stream = await exec.start({ hijack: true, stdin: true });
      const sink = (name: 'stdout' | 'stderr'): Writable =>
        new Writable({
          write: (chunk: Buffer, _, done) => {
            output.add(name, chunk);
            done();
          },
        });
      this.#docker.modem.demuxStream(stream, sink('stdout'), sink('stderr'));
      stream.end(run.input ?? '');
      const ended = streamFinished(stream, { writable: false }).catch(() => undefined);
      void this.#watch(limits, finished.signal);
      const exit = await this.#exitOf(exec, ended);
      const milliseconds = performance.now() - started;
      // It may be told a moment later that the kernel killed it, and why.
      for (let waited = 0; exit === SIGKILL && waited < GRACE; waited += POLL) {
        if (this.#excess !== undefined) break;
        await delay(POLL);
      }
      if (this.#excess !== undefined) throw this.reasonOf(undefined);
      return { ...output.texts(), milliseconds, peakMemory: this.#peak, exit, output };
    } finally {
      finished.abort();
      events.destroy();
      clearTimeout(timer);
    }
  }

  /** Why a call failed: because the run was stopped, or the engine's own reason. */
  reasonOf(error: unknown): RebuildError {
    if (this.#excess === undefined) return unavailable(error);
    return new RebuildError(this.#excess.code, this.#excess.message);
  }

  /** With all that runs in it, and its volume. */
  async remove(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    await this.#kill();
    // The engine removes it by itself too, which may be under way.
    const deadline = performance.now() + 30_000;
    while (await this.#exists()) {
      if (performance.now() > deadline)
        throw new RebuildError('sandbox-unavailable', 'the engine does not remove a container');
      await delay(POLL);
    }
    this.#held?.destroy();
  }

  #stop(excess: Excess): void {
    if (this.#excess !== undefined) return;
    this.#excess = excess;
    void this.#kill();
  }

  async #kill(): Promise<void> {
    // Whether it is gone is what counts, and is asked afterwards.
    await this.#container.remove({ force: true, v: true }).catch(() => undefined);
  }

  async #exists(): Promise<boolean> {
    try {
      await this.#container.inspect();
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw unavailable(error);
    }
  }

  /** What a command leaves running may hold its output open, so the engine is asked as well. */
  async #exitOf(exec: Docker.Exec, ended: Promise<void>): Promise<number> {
    for (;;) {
      await Promise.race([ended, delay(WATCH_INTERVAL)]);
      if (this.#excess !== undefined) throw this.reasonOf(undefined);
      const { Running, ExitCode } = await exec.inspect();
      if (!Running && ExitCode !== null) {
        await Promise.race([ended, delay(POLL)]);
        return ExitCode;
      }
      await delay(POLL);
    }
  }

  async #watch(limits: SandboxLimits, finished: AbortSignal): Promise<void> {
    // Read through a function, since both change while awaiting.
    const isOver = (): boolean => finished.aborted || this.#excess !== undefined;
    for (;;) {
      await delay(WATCH_INTERVAL, undefined, { signal: finished }).catch(() => undefined);
      if (isOver()) return;
      const usage = await this.#usage().catch(() => undefined);
      if (usage === undefined) return;
      this.#peak = Math.max(this.#peak, usage.memory);
      const excess = processExcess(usage, limits);
      if (excess !== undefined) this.#stop(excess);
    }
  }

  /** Threads beside the first process's, and memory that is no file's. */
  async #usage(): Promise<{ tasks: number; memory: number }> {
    const stats = await this.#container.stats({ stream: false, 'one-shot': true });
    const details = stats.memory_stats.stats as Partial<Record<string, number>> | undefined;
    const memory = details?.['total_rss'] ?? details?.['rss'] ?? details?.['anon'] ?? 0;
    return { tasks: (stats.pids_stats?.current ?? 1) - 1, memory };
  }

  /** Stops the run when the kernel ends a process of it for want of memory. */
  async #watchMemory(limits: SandboxLimits): Promise<Readable> {
    const filters = { container: [this.#container.id], event: ['oom'] };
    const events = asReadable(await this.#docker.getEvents({ filters }));
    events.on('error', () => undefined);
    events.on('data', () => {
      this.#stop(memoryExcess(limits));
    });
    return events;
  }
}

/** For {@link INIT_PATH}: the variables are given in full, as nothing of the engine's shall be added. */
function commandLine({ run, mountPoint }: ContainerPlan): string[] {
  const variables = { ...run.environment, PWD: join(mountPoint, run.directory) };
  const pairs = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const octal = (value: number): string => value.toString(8);
  return [
    `/${INIT_PATH}`,
    ...[octal(run.umask ?? 0o022), octal(pairs.length), ...pairs],
    ...['--', ...run.argv],
  ];
}
