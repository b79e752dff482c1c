import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { RebuildError } from '../errors.js';

/** The programs of this machine that make a sandbox. */
export interface SandboxTools {
  readonly bwrap: string;
  readonly prlimit: string;
  readonly setpriv: string;
  readonly taskset: string;
  readonly version: string;
  /** Options that only newer versions of bubblewrap have. */
  readonly options: readonly string[];
}

const execute = promisify(execFile);

/** @throws RebuildError `sandbox-unavailable` */
export async function findTools(): Promise<SandboxTools> {
  const [bwrap, prlimit, setpriv, taskset] = await Promise.all(
    ['bwrap', 'prlimit', 'setpriv', 'taskset'].map(findTool),
  );
  if (!bwrap || !prlimit || !setpriv || !taskset)
    throw new RebuildError(
      'sandbox-unavailable',
      'bwrap, prlimit, setpriv and taskset are needed: install bubblewrap and util-linux',
    );
  try {
    const [{ stdout: version }, { stdout: help }] = await Promise.all([
      execute(bwrap, ['--version']),
      execute(bwrap, ['--help']),
    ]);
    const options = help.includes('--disable-userns') ? ['--disable-userns'] : [];
    const user = process.getuid?.() === 0 ? { uid: 61_183, gid: 61_183 } : {};
    await execute(bwrap, ['--unshare-all', '--ro-bind', '/', '/', '--', bwrap, '--version'], {
      ...user,
      cwd: '/',
    });
    return {
      bwrap,
      prlimit,
      setpriv,
      taskset,
      version: version.trim().replace(/^bubblewrap /, ''),
      options,
    };
  } catch (error) {
    throw new RebuildError(
      'sandbox-unavailable',
      `bubblewrap cannot make namespaces here; are unprivileged user namespaces allowed? ${String(error)}`,
      { cause: error },
    );
  }
}

async function findTool(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/bin'];
  for (const folder of folders.filter((path) => path.startsWith('/'))) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return undefined;
}
