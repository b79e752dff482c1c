import type { ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { RebuildError } from '../errors.js';
import { hasEnded, startOf } from './process-tree.js';

/** The descriptor on which bubblewrap tells the id of the sandbox's first process. */
export const INFO_FD = 3;

const KILL_GRACE = 2000;
const END_POLL = 5;
const END_TIMEOUT = 30_000;

/**
 * The first process of a run's PID namespace. When it is killed the kernel kills all others in
 * the namespace, and only when they are gone does it end itself: its end is the run's end.
 * bubblewrap's outer process can end earlier.
 */
export class SandboxInit {
  readonly #child: ChildProcess;
  #process: { pid: number; start: string | undefined } | undefined;
  #killed = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    const info = child.stdio[INFO_FD];
    let text = '';
    if (!(info instanceof Readable)) return;
    info.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(0, 4096);
      const pid = Number(/"child-pid":\s*(\d+)/.exec(text)?.[1] ?? 0);
      if (pid === 0 || this.#process !== undefined) return;
      this.#process = { pid, start: startOf(pid) };
      if (this.#killed) killQuietly(pid);
    });
  }

  /** Also works before the process is known; bubblewrap itself goes only when it hangs. */
  kill(): void {
    this.#killed = true;
    if (this.#process !== undefined) killQuietly(this.#process.pid);
    if (this.#child.exitCode !== null) return;
    const force = setTimeout(() => this.#child.kill('SIGKILL'), KILL_GRACE);
    this.#child.once('exit', () => {
      clearTimeout(force);
    });
  }

  /** To be called when the outer process has ended. */
  async ended(): Promise<void> {
    if (this.#process === undefined) return;
    const { pid, start } = this.#process;
    const deadline = performance.now() + END_TIMEOUT;
    while (!hasEnded(pid, start)) {
      if (performance.now() > deadline)
        throw new RebuildError('sandbox-unavailable', `process ${pid} of a build does not end`);
      await delay(END_POLL);
    }
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
