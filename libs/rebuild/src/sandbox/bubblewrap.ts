import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { RebuildError } from '../errors.js';
import { giveTree } from '../workspace.js';
import { commandLine, SECCOMP_FD } from './bubblewrap-arguments.js';
import { ControlGroups, type ControlGroup } from './cgroup.js';
import { diskUsage } from './disk-usage.js';
import type { Executor, SandboxResult, SandboxRun } from './executor.js';
import { killOrphans } from './orphans.js';
import { OutputTail } from './output-tail.js';
import { tasksOfUser } from './process-tree.js';
import { SandboxInit } from './sandbox-init.js';
import { DEFAULT_LIMITS, MAX_WORKSPACE_DEPTH, type SandboxLimits } from './sandbox-limits.js';
import { findTools, type SandboxTools } from './sandbox-tools.js';
import { takeUser } from './sandbox-user.js';
import { ABORTED, floodExcess, memoryExcess, type Excess } from './excess.js';
import { refuseFailure } from './failure.js';
import { watchRun } from './sandbox-watch.js';
import { seccompFilter } from './seccomp/filter.js';
import { thisArchitecture } from './seccomp/rules.js';

/**
 * Runs a command in bubblewrap: namespaces of its own for everything (so there is no network), a
 * read-only root, an unprivileged user, an environment that is given in full, and limits.
 *
 * Started by root it takes two layers: the outer one, still root, only binds the folders to fixed
 * places (the unprivileged user could not reach a path below, say, /root); then privileges are
 * dropped for good and the inner one builds the sandbox through a user namespace. A seccomp filter
 * is loaded last, and where we may make control groups one of them bounds the run as a whole.
 */
export class BubblewrapSandbox implements Executor {
  readonly kind = 'bubblewrap';
  readonly description: string;
  readonly #tools: SandboxTools;
  readonly #groups: ControlGroups | undefined;
  readonly #filter: Uint8Array | undefined;

  private constructor(tools: SandboxTools, groups: ControlGroups | undefined) {
    const architecture = thisArchitecture();
    this.#tools = tools;
    this.#groups = groups;
    this.#filter = architecture && seccompFilter(architecture);
    const missing = [
      ...(this.#filter === undefined ? ['seccomp'] : []),
      ...(groups === undefined ? ['control groups'] : []),
    ];
    const without = missing.length === 0 ? '' : ` (without ${missing.join(' and ')})`;
    this.description = `bubblewrap ${tools.version}${without}`;
  }

  /** @throws RebuildError `sandbox-unavailable` when this machine cannot run it, saying why */
  static async open(): Promise<BubblewrapSandbox> {
    const [tools, groups] = await Promise.all([findTools(), ControlGroups.find()]);
    return new BubblewrapSandbox(tools, groups);
  }

  async run(run: SandboxRun): Promise<SandboxResult> {
    run.signal?.throwIfAborted();
    const limits = { ...DEFAULT_LIMITS, ...run.limits };
    const { uid, release } = await takeUser();
    let group: ControlGroup | undefined;
    try {
      if (uid !== undefined) await giveTree(run.workspace, uid);
      group = await this.#groups?.open(`touchstone-${randomBytes(8).toString('hex')}`, {
        // What is in /tmp counts as memory.
        memoryBytes: limits.memoryBytes + limits.temporaryBytes,
        // Some room above the watched number, as with RLIMIT_NPROC.
        tasks: limits.tasks + 64,
      });
      const [file, ...args] = await commandLine(run, {
        ...{ tools: this.#tools, limits, uid, seccomp: this.#filter !== undefined },
        others: uid === undefined ? tasksOfUser(process.getuid?.() ?? 0) : 0,
        groups: group?.entrances ?? [],
      });
      const child = spawn(file, args, {
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      });
      const filter = child.stdio[SECCOMP_FD];
      if (filter instanceof Writable) {
        filter.on('error', () => undefined);
        filter.end(this.#filter ?? new Uint8Array());
      }
      return await supervise(child, run, limits, group);
    } finally {
      await group?.close();
      release();
    }
  }

  removeOrphans(work: string): Promise<number> {
    return killOrphans(work);
  }
}

/** Feeds, watches and reaps the outermost process of a run. */
async function supervise(
  child: ChildProcess,
  run: SandboxRun,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
): Promise<SandboxResult> {
  const started = performance.now();
  const finished = new AbortController();
  const init = new SandboxInit(child);
  let excess: Excess | undefined;
  const stop = (found: Excess): void => {
    if (excess !== undefined) return;
    excess = found;
    init.kill();
  };
  const aborted = (): void => {
    stop(ABORTED);
  };
  run.signal?.addEventListener('abort', aborted, { once: true });
  const output = new OutputTail(limits.outputBytes, () => {
    stop(floodExcess(limits));
  });
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (chunk: Buffer) => {
      output.add(name, chunk);
    });
  // A command that ends without reading its input is no error.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(run.input ?? '');
  const watching = watchRun(child, run.workspace, limits, stop, finished.signal);
  try {
    const exit = await exitOf(child);
    await init.ended();
    finished.abort();
    const peakMemory = await watching;
    if (excess === undefined && (await group?.ranOutOfMemory()) === true)
      excess = memoryExcess(limits);
    if (excess !== undefined) throw new RebuildError(excess.code, excess.message);
    refuseUnmade(exit, output);
    const usage = await diskUsage(run.workspace, {
      bytes: limits.workspaceBytes,
      entries: limits.workspaceEntries,
      depth: MAX_WORKSPACE_DEPTH,
    });
    refuseFailure(exit, usage, run, limits, output);
    const milliseconds = performance.now() - started;
    return { ...output.texts(), milliseconds, peakMemory };
  } finally {
    finished.abort();
    run.signal?.removeEventListener('abort', aborted);
  }
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new RebuildError('sandbox-unavailable', error.message, { cause: error })),
    );
    child.on('close', (code) => resolve(code ?? 255));
  });
}

function refuseUnmade(exit: number, output: OutputTail): void {
  const { stderr } = output.texts();
  if (exit !== 0 && /^bwrap: /m.test(stderr) && !/^bwrap: execvp/m.test(stderr))
    throw new RebuildError(
      'sandbox-unavailable',
      `the sandbox could not be made: ${stderr.trim()}`,
    );
}
