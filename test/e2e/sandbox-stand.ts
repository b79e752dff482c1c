import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  assembleToolchain,
  BlobStore,
  BUILD_ENVIRONMENT,
  NpmSource,
  openSandbox,
  readRegistryConfig,
  readToolchainLock,
  removeTree,
  type Executor,
  type SandboxResult,
  type SandboxRun,
  type Toolchain,
} from '@touchstone/rebuild';
import { PrivateDocker, whyNoDocker } from '@touchstone/kit';

/** Kept between runs: the toolchain's Node is a large download. */
export const CACHE = fileURLToPath(new URL('../../.touchstone/cache', import.meta.url));

/** Both kinds, and why one cannot be tried here. */
export const SANDBOXES = [
  { kind: 'bubblewrap', reason: undefined },
  { kind: 'docker', reason: whyNoDocker() },
] as const;

export async function npmSource(): Promise<NpmSource> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  return new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
}

/** One sandbox with a toolchain that has Node, and a fresh workspace for each test. */
export class SandboxStand {
  folder = '';

  private constructor(
    readonly sandbox: Executor,
    readonly toolchain: Toolchain,
    private readonly docker: PrivateDocker | undefined,
  ) {}

  static async open(kind: Executor['kind']): Promise<SandboxStand> {
    const lock = await readToolchainLock({ name: 'wabt', version: '1.0.12' });
    const toolchain = await assembleToolchain(lock, await npmSource(), CACHE);
    const docker = kind === 'docker' ? await PrivateDocker.start() : undefined;
    return new SandboxStand(await sandboxOf(docker), toolchain, docker);
  }

  get workspace(): string {
    return join(this.folder, 'work');
  }

  /** With the folder `package` in it, where commands start. */
  async makeWorkspace(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    await mkdir(join(this.workspace, 'package'), { recursive: true });
  }

  async place(name: string, bytes: Uint8Array | string): Promise<void> {
    await writeFile(join(this.workspace, 'package', name), bytes, { mode: 0o755 });
  }

  async removeWorkspace(): Promise<void> {
    await removeTree(this.folder);
  }

  run(script: string, options: Partial<SandboxRun> = {}): Promise<SandboxResult> {
    return this.sandbox.run({
      root: this.toolchain.root,
      rootDigest: this.toolchain.digest,
      workspace: this.workspace,
      directory: 'package',
      argv: ['/bin/node', '--input-type=module', '-e', script],
      environment: BUILD_ENVIRONMENT,
      ...options,
      limits: { wallMilliseconds: 60_000, ...options.limits },
    });
  }

  /** The value of an expression, evaluated inside. */
  async ask(expression: string, options: Partial<SandboxRun> = {}): Promise<unknown> {
    const imports = `import fs from 'node:fs'; import os from 'node:os';
      import { spawnSync } from 'node:child_process';
      const attempt = (f) => { try { return f(); } catch (error) { return error.code; } };`;
    const { stdout } = await this.run(
      `${imports} console.log(JSON.stringify(${expression}))`,
      options,
    );
    return JSON.parse(stdout);
  }

  /** What is left of runs: containers and volumes, or processes that have the workspace mounted. */
  async remains(): Promise<string[]> {
    if (this.docker !== undefined) {
      const containers = await this.docker.ok('ps', '--all', '--quiet');
      const volumes = await this.docker.ok('volume', 'ls', '--quiet');
      return `${containers}\n${volumes}`.split('\n').filter((id) => id !== '');
    }
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
        return mounts.includes(`${this.workspace} /work `) ? pid : '';
      }),
    );
    return found.filter((pid) => pid !== '');
  }

  async close(): Promise<void> {
    await this.docker?.stop();
  }
}

/** A sandbox of the private engine, or bubblewrap where there is none. */
export async function sandboxOf(docker: Engine | undefined): Promise<Executor> {
  if (docker === undefined) return openSandbox('bubblewrap');
  return withEngine(docker, () => openSandbox('docker'));
}

type Engine = Pick<PrivateDocker, 'env'>;

/** Does something that finds the engine as a program does: in the environment. One at a time. */
export async function withEngine<T>(docker: Engine, act: () => Promise<T>): Promise<T> {
  const before = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = docker.env['DOCKER_HOST'];
  try {
    return await act();
  } finally {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
  }
}
