import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, whatever its exit code. */
export function finish(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (child.exitCode ?? 1), stdout, stderr });
    });
  });
}

/** Why there can be no private Docker engine on this machine, or undefined when there can. */
export function whyNoDocker(...commands: string[]): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root, to start a Docker engine of its own';
  const missing = ['dockerd', 'docker', ...commands].filter((command) => !isInPath(command));
  return missing.length === 0
    ? undefined
    : `${missing.join(', ')} not found; npm run setup -- --for test installs what it can`;
}

function isInPath(command: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * A Docker engine of the test's own, in a temporary folder: it sees no image, container or network of
 * the machine's engine. It has no bridge: containers get the host's network or none.
 */
export class PrivateDocker {
  private constructor(
    private readonly folder: string,
    private readonly engine: ChildProcess,
    /** Environment in which the docker command talks to this engine. */
    readonly env: Record<string, string>,
  ) {}

  static async start(): Promise<PrivateDocker> {
    const folder = await mkdtemp(join(tmpdir(), 'touchstone-docker-'));
    const host = `unix://${folder}/docker.sock`;
    const engine = spawn(
      'dockerd',
      [
        ...['--iptables=false', '--bridge=none', '--host', host],
        ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
        ...['--pidfile', join(folder, 'docker.pid'), '--log-level', 'warn'],
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
      },
    );
    let said = '';
    engine.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    // The legacy builder is in every engine and asks for no plugin.
    const docker = new PrivateDocker(folder, engine, { DOCKER_HOST: host, DOCKER_BUILDKIT: '0' });
    const deadline = Date.now() + 60_000;
    while ((await docker.run('version')).code !== 0) {
      if (engine.exitCode !== null || Date.now() > deadline) {
        await docker.stop();
        throw new Error(`dockerd did not start: ${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return docker;
  }

  /** Runs `docker …` to its end, whatever its exit code. */
  run(...args: string[]): Promise<Finished> {
    return finish('docker', args, this.env);
  }

  /** Runs `docker …`, which must succeed, and returns what it printed. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code === 0) return stdout.trim();
    const tail = `${stdout}\n${stderr}`.slice(-6000);
    throw new Error(`docker ${args.slice(0, 4).join(' ')} … ended with code ${code}:\n${tail}`);
  }

  async stop(): Promise<void> {
    if (this.engine.exitCode === null) {
      const gone = once(this.engine, 'exit');
      this.engine.kill('SIGTERM');
      await gone;
    }
    // The engine leaves the mount of its network namespace behind, which would keep the folder.
    const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n');
    const points = mounts.map((line) => line.split(' ')[1] ?? '');
    for (const point of points.filter((path) => path.startsWith(`${this.folder}/`)).reverse()) {
      await finish('umount', [point]);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
