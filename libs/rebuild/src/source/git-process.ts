import { spawn } from 'node:child_process';
import { RebuildError, systemCode } from '../errors.js';
import { diskUsage } from '../sandbox/disk-usage.js';

const MAX_STDERR = 8 * 1024;
const WATCH_MILLISECONDS = 200;

export interface GitRun {
  /** The bare repository. */
  readonly folder: string;
  /** Of `-c`, before the command. */
  readonly settings?: readonly string[];
  readonly args: readonly string[];
  readonly input?: string;
  /** Bytes of standard output that are read. */
  readonly maxOutput: number;
  /** What the repository may take on the disk while this runs; not watched when left out. */
  readonly maxDisk?: number;
  readonly milliseconds: number;
  /** Protocols that may be spoken, `:` between them. */
  readonly protocols?: string;
  readonly signal?: AbortSignal;
}

export interface GitEnded {
  readonly code: number;
  readonly stdout: Buffer;
  /** The last of it. */
  readonly stderr: string;
}

/**
 * Settings of every run: nothing that a repository or this machine's user configured may start a
 * program, write elsewhere, or ask somebody for a password.
 */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.askPass=',
  'core.sshCommand=false',
  'credential.helper=',
  'credential.interactive=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'protocol.version=2',
  'protocol.ext.allow=never',
  'submodule.recurse=false',
  'uploadpack.packObjectsHook=',
  'http.followRedirects=false',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=60',
  'fetch.unpackLimit=1',
  'transfer.advertiseSID=false',
  'pack.threads=1',
  'core.bigFileThreshold=1m',
  'core.packedGitWindowSize=16m',
];

/**
 * Runs the git of this machine with an environment of its own: no configuration of the system or of
 * a user, no hooks, no credentials, no transport but those that are named.
 *
 * @throws RebuildError `git-missing`, `git-too-large`, `source-unreachable` (out of time), `aborted`
 */
export async function runGit(run: GitRun): Promise<GitEnded> {
  const settings = [...SETTINGS, ...(run.settings ?? [])].flatMap((setting) => ['-c', setting]);
  const child = spawn('git', [...settings, `--git-dir=${run.folder}`, ...run.args], {
    cwd: run.folder,
    env: environment(run),
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its helpers (git-remote-https, index-pack) are of its group and end with it.
    detached: true,
  });
  let fault: RebuildError | undefined;
  const end = (error: RebuildError): void => {
    fault ??= error;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  const onAbort = (): void => end(new RebuildError('aborted', 'fetching a commit was aborted'));
  run.signal?.addEventListener('abort', onAbort, { once: true });
  if (run.signal?.aborted === true) onAbort();
  const timer = setTimeout(
    () =>
      end(
        new RebuildError(
          'source-unreachable',
          `git took longer than ${run.milliseconds} ms: gave up`,
        ),
      ),
    run.milliseconds,
  );
  const watch = watchDisk(run, end);
  try {
    return await collect(child, run, end);
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new RebuildError('git-missing', 'there is no git on this machine: install it', {
        cause: error,
      });
    throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    run.signal?.removeEventListener('abort', onAbort);
    // eslint-disable-next-line no-unsafe-finally -- what ended the process is what is told
    if (fault !== undefined) throw fault;
  }
}

function environment(run: GitRun): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: run.folder,
    XDG_CONFIG_HOME: run.folder,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_SSH_COMMAND: '/bin/false',
    GIT_ALLOW_PROTOCOL: run.protocols ?? 'none',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
  };
}

function watchDisk(run: GitRun, end: (error: RebuildError) => void): NodeJS.Timeout | undefined {
  const { maxDisk, folder } = run;
  if (maxDisk === undefined) return undefined;
  return setInterval(() => {
    void diskUsage(folder, { bytes: maxDisk, entries: 1_000_000, depth: 64 }).then(({ bytes }) => {
      if (bytes > maxDisk)
        end(new RebuildError('git-too-large', `what git fetches exceeds ${maxDisk} bytes`));
    });
  }, WATCH_MILLISECONDS);
}

async function collect(
  child: ReturnType<typeof spawn>,
  run: GitRun,
  end: (error: RebuildError) => void,
): Promise<GitEnded> {
  const chunks: Buffer[] = [];
  let size = 0;
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > run.maxOutput)
      end(new RebuildError('git-too-large', `git answered more than ${run.maxOutput} bytes`));
    else chunks.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('latin1')).slice(-MAX_STDERR);
  });
  // A git that is killed closes its end of the pipe first.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(run.input ?? '');
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve(status ?? 255);
    });
  });
  return { code, stdout: Buffer.concat(chunks), stderr };
}
