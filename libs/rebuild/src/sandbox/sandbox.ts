import { spawn, type ChildProcess } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { RebuildError } from '../errors.js';
import { diskUsage } from './disk-usage.js';
import { OutputTail } from './output-tail.js';
import { tasksOfUser } from './process-tree.js';
import type { Executor, SandboxResult, SandboxRun } from './executor.js';
import { DEFAULT_LIMITS, MAX_WORKSPACE_DEPTH, type SandboxLimits } from './sandbox-limits.js';
import { watchRun, type Excess } from './sandbox-watch.js';
import { giveTree } from '../workspace.js';
import { INFO_FD, SandboxInit } from './sandbox-init.js';
import { findTools, type SandboxTools } from './sandbox-tools.js';
import { takeUser } from './sandbox-user.js';

/**
 * Runs a command in bubblewrap: namespaces of its own for everything (so there is no network), a
 * read-only root, an unprivileged user, an environment that is given in full, and limits.
 *
 * Started by root it takes two layers: the outer one, still root, only binds the two folders to
 * fixed places (the unprivileged user could not reach a path below, say, /root); then privileges
 * are dropped for good and the inner one builds the sandbox through a user namespace.
 */
export class BubblewrapSandbox implements Executor {
  readonly kind = 'bubblewrap';
  readonly #tools: SandboxTools;
  readonly description: string;

  private constructor(tools: SandboxTools) {
    this.#tools = tools;
    this.description = `bubblewrap ${tools.version}`;
  }

  /** @throws RebuildError `sandbox-unavailable` when this machine cannot run it, saying why */
  static async open(): Promise<BubblewrapSandbox> {
    return new BubblewrapSandbox(await findTools());
  }

  async run(run: SandboxRun): Promise<SandboxResult> {
    run.signal?.throwIfAborted();
    const limits = { ...DEFAULT_LIMITS, ...run.limits };
    const { uid, release } = await takeUser();
    try {
      if (uid !== undefined) await giveTree(run.workspace, uid);
      const others = uid === undefined ? tasksOfUser(process.getuid?.() ?? 0) : 0;
      const [file, ...args] = this.#commandLine(run, limits, uid, others);
      const child = spawn(file, args, {
        cwd: '/',
        env: run.environment,
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      });
      return await supervise(child, run, limits);
    } finally {
      release();
    }
  }

  #commandLine(
    run: SandboxRun,
    limits: SandboxLimits,
    uid: number | undefined,
    others: number,
  ): [string, ...string[]] {
    const { bwrap, prlimit, setpriv } = this.#tools;
    const limited = [prlimit, ...limitArguments(limits, others), '--', bwrap];
    if (uid === undefined)
      return [...limited, ...this.#sandboxArguments(run, limits, run)] as [string, ...string[]];
    // The name of the workspace's folder stays in the command line: see killOrphans.
    const places = {
      root: '/mnt/root',
      workspace: join('/mnt', basename(dirname(run.workspace))),
    };
    return [
      bwrap,
      ...['--die-with-parent', '--dev-bind', '/', '/', '--tmpfs', '/mnt'],
      ...['--ro-bind', run.root, places.root, '--bind', run.workspace, places.workspace, '--'],
      ...[setpriv, `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--pdeathsig=KILL'],
      ...['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'],
      ...limited,
      ...this.#sandboxArguments(run, limits, places),
    ];
  }

  #sandboxArguments(
    run: SandboxRun,
    limits: SandboxLimits,
    places: { root: string; workspace: string },
  ): string[] {
    return [
      ...['--unshare-all', '--unshare-user', ...this.#tools.options],
      ...['--uid', '1000', '--gid', '1000', '--hostname', 'touchstone'],
      ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
      ...['--info-fd', String(INFO_FD)],
      ...['--ro-bind', places.root, '/'],
      ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
      ...['--size', String(limits.temporaryBytes), '--tmpfs', '/tmp'],
      ...['--bind', places.workspace, '/work', '--chdir', join('/work', run.directory)],
      ...['--', ...run.argv],
    ];
  }
}

/** RLIMIT_AS is left alone: Node reserves far more address space than it uses. */
function limitArguments(limits: SandboxLimits, others: number): string[] {
  const data = 2 * limits.memoryBytes + 256 * 1024 * 1024;
  // Some room above the watched number, so that the watcher can see it being passed.
  const tasks = limits.tasks + 64 + others;
  return Object.entries({
    cpu: `${limits.cpuSeconds}:${limits.cpuSeconds + 5}`,
    data,
    nproc: tasks,
    fsize: limits.fileBytes,
    nofile: limits.openFiles,
    core: 0,
    memlock: 65_536,
    msgqueue: 0,
  }).map(([name, value]) => `--${name}=${typeof value === 'string' ? value : `${value}:${value}`}`);
}

/** Feeds, watches and reaps the outermost process of a run. */
async function supervise(
  child: ChildProcess,
  run: SandboxRun,
  limits: SandboxLimits,
): Promise<SandboxResult> {
  const started = performance.now();
  const finished = new AbortController();
  const output = new OutputTail(limits.outputBytes);
  const init = new SandboxInit(child);
  let excess: Excess | undefined;
  const stop = (found: Excess): void => {
    if (excess !== undefined) return;
    excess = found;
    init.kill();
  };
  const aborted = (): void =>
    stop({ code: 'aborted', message: 'the build was aborted by its caller' });
  run.signal?.addEventListener('abort', aborted, { once: true });
  const flood = (): void =>
    stop({
      code: 'build-output-flood',
      message: `the build printed more than ${limits.outputBytes} bytes`,
    });
  output.collect(child, flood);
  // A command that ends without reading its input is no error.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(run.input ?? '');
  const watching = watchRun(child, run.workspace, limits, stop, finished.signal);
  try {
    const exit = await exitOf(child);
    await init.ended();
    finished.abort();
    const peakMemory = await watching;
    if (excess !== undefined) throw new RebuildError(excess.code, excess.message);
    await refuseFailure(exit, run, limits, output);
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

async function refuseFailure(
  exit: number,
  run: SandboxRun,
  limits: SandboxLimits,
  output: OutputTail,
): Promise<void> {
  const { stderr } = output.texts();
  if (exit !== 0 && /^bwrap: /m.test(stderr) && !/^bwrap: execvp/m.test(stderr))
    throw new RebuildError(
      'sandbox-unavailable',
      `the sandbox could not be made: ${stderr.trim()}`,
    );
  const disk = {
    bytes: limits.workspaceBytes,
    entries: limits.workspaceEntries,
    depth: MAX_WORKSPACE_DEPTH,
  };
  const usage = await diskUsage(run.workspace, disk);
  const full = usage.largestFile >= limits.fileBytes && exit !== 0;
  if (full || usage.bytes > disk.bytes || usage.entries > disk.entries || usage.depth > disk.depth)
    throw new RebuildError(
      'build-disk',
      `the build wrote more than it may: ${limits.workspaceBytes} bytes in all, ${limits.fileBytes} in one file, ${limits.workspaceEntries} files`,
    );
  if (exit === 128 + 24)
    throw new RebuildError(
      'build-timeout',
      `a process used over ${limits.cpuSeconds} s of CPU time`,
    );
  if (exit !== 0)
    throw new RebuildError(
      'build-exit',
      `${run.argv.join(' ').slice(0, 300)} ended with exit code ${exit}: ${tail(output.texts())}`,
    );
}

function tail({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const text = stderr.trim() === '' ? stdout : stderr;
  return text.trim().slice(-2000);
}
