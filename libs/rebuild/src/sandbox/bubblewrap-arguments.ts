import { readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { firstCpus } from './cpus.js';
import type { SandboxRun } from './executor.js';
import { INFO_FD } from './sandbox-init.js';
import type { SandboxLimits } from './sandbox-limits.js';
import type { SandboxTools } from './sandbox-tools.js';

/** The descriptor on which bubblewrap reads the seccomp filter. */
export const SECCOMP_FD = 4;

export interface Surroundings {
  readonly tools: SandboxTools;
  readonly limits: SandboxLimits;
  /** The user that the run gets, when we are root. */
  readonly uid: number | undefined;
  /** Threads that this user runs already. */
  readonly others: number;
  /** Files that a process enters a control group by, writing its id. */
  readonly groups: readonly string[];
  readonly seccomp: boolean;
}

/** Where the parts of a sandbox lie for the bubblewrap that builds it. */
interface Places {
  readonly root: string;
  readonly workspace: string;
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

// Sets what has no option: the umask, and the control groups, which all that follows inherits.
const ENTER =
  'umask "$1"; shift; while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@"';

/** The whole command line of a run, from this process down to the command itself. */
export async function commandLine(
  run: SandboxRun,
  around: Surroundings,
): Promise<[string, ...string[]]> {
  const { tools, uid, groups } = around;
  const umask = (run.umask ?? 0o022).toString(8).padStart(4, '0');
  const enter = ['-c', ENTER, 'sh', umask, ...groups, '--'];
  const limited = [
    ...(run.cpus === undefined ? [] : [tools.taskset, '--cpu-list', firstCpus(run.cpus)]),
    ...[tools.prlimit, ...limitArguments(around), '--', tools.bwrap],
  ];
  const mounts = run.mounts ?? [];
  if (uid === undefined) {
    const places = { root: run.root, workspace: run.workspace, mounts };
    return ['/bin/sh', ...enter, ...limited, ...(await sandboxArguments(run, around, places))];
  }
  // The name of the workspace's folder stays in the command line: see killOrphans.
  const places = {
    root: '/mnt/root',
    workspace: join('/mnt', basename(dirname(run.workspace))),
    mounts: mounts.map(({ target }, index) => ({ source: `/mnt/mount-${index}`, target })),
  };
  return [
    '/bin/sh',
    ...[...enter, tools.bwrap],
    ...['--die-with-parent', '--dev-bind', '/', '/', '--tmpfs', '/mnt'],
    ...['--ro-bind', run.root, places.root, '--bind', run.workspace, places.workspace],
    ...mounts.flatMap(({ source }, index) => ['--ro-bind', source, `/mnt/mount-${index}`]),
    ...['--', tools.setpriv, `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
    ...['--pdeathsig=KILL', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'],
    ...['--no-new-privs', '--', ...limited],
    ...(await sandboxArguments(run, around, places)),
  ];
}

async function sandboxArguments(
  run: SandboxRun,
  { tools, limits, seccomp }: Surroundings,
  places: Places,
): Promise<string[]> {
  const user = String(run.uid ?? 1000);
  const mountPoint = run.mountPoint ?? '/work';
  const targets = [mountPoint, ...places.mounts.map(({ target }) => target)];
  const anew = await lacksMountPoint(run.root, targets);
  return [
    ...['--unshare-all', '--unshare-user', ...tools.options],
    ...['--uid', user, '--gid', user, '--hostname', run.hostname ?? 'touchstone'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...['--info-fd', String(INFO_FD)],
    ...(seccomp ? ['--seccomp', String(SECCOMP_FD)] : []),
    // Not through our own environment: the programs on the way here must not heed it.
    ...['--clearenv', ...Object.entries(run.environment).flatMap((pair) => ['--setenv', ...pair])],
    ...(anew ? await rootEntries(run.root, places.root) : ['--ro-bind', places.root, '/']),
    ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...['--size', String(limits.temporaryBytes), '--tmpfs', '/tmp'],
    ...places.mounts.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...['--bind', places.workspace, mountPoint, '--chdir', join(mountPoint, run.directory)],
    ...(anew ? ['--remount-ro', '/'] : []),
    ...['--', ...run.argv],
  ];
}

/** Whether the root lacks the first folder of a target, so that a mount point must be made in it. */
async function lacksMountPoint(root: string, targets: readonly string[]): Promise<boolean> {
  if (targets.every((target) => target === '/work' || target.startsWith('/tmp/'))) return false;
  const names = await readdir(root);
  return targets.some((target) => !names.includes(target.split('/')[1] ?? ''));
}

/** The entries of a root one by one, for a root that is put together anew. */
async function rootEntries(root: string, place: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const parts = entries.map(async (entry) =>
    entry.isSymbolicLink()
      ? ['--symlink', await readlink(join(root, entry.name)), `/${entry.name}`]
      : ['--ro-bind', join(place, entry.name), `/${entry.name}`],
  );
  return (await Promise.all(parts)).flat();
}

/** RLIMIT_AS is left alone: Node reserves far more address space than it uses. */
function limitArguments({ limits, others }: Surroundings): string[] {
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
