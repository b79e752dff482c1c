import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';

const CLI = fileURLToPath(new URL('../../../apps/cli/bin/touchstone.js', import.meta.url));

/** A network as `touchstone up` runs it, in a process of its own. */
export interface RunningNetwork {
  readonly coordinatorUrl: string;
  readonly logUrl: string;
  readonly trustRootFile: string;
  stop(): Promise<void>;
}

/** Starts `touchstone up`, which must be compiled, with its data in `dir`. */
export async function startNetwork(
  dir: string,
  {
    rebuilders,
    quorum,
    registries,
    toolchains,
    cache,
  }: {
    rebuilders: number;
    quorum: number;
    /** npm's settings for scopes of packages; these, and others of this machine, may be asked. */
    registries?: Readonly<Record<string, string>>;
    /** Folder of the operator's locks. */
    toolchains?: string;
    /** Folder of packages and roots that others use too, instead of one of its own. */
    cache?: string;
  },
): Promise<RunningNetwork> {
  const size = ['--rebuilders', rebuilders, '--quorum', quorum];
  const ports = ['--coordinator-port', await freePort(), '--log-port', await freePort()];
  if (cache !== undefined) {
    await mkdir(cache, { recursive: true });
    await symlink(cache, join(dir, 'cache'));
  }
  const own = registries === undefined ? [] : ['--allow-private-registries'];
  const args = [CLI, 'up', '--data', dir, ...[...size, ...ports].map(String), ...own, '--json'];
  const network = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      ...(toolchains === undefined ? {} : { TOOLCHAINS_DIR: toolchains }),
      ...Object.fromEntries(
        Object.entries(registries ?? {}).map(([scope, url]) => [
          `npm_config_${scope}:registry`,
          url,
        ]),
      ),
    },
  });
  const addresses = JSON.parse(await firstObject(network)) as Omit<RunningNetwork, 'stop'>;
  return {
    ...addresses,
    async stop() {
      network.kill('SIGTERM');
      await once(network, 'exit');
    },
  };
}

async function firstObject({ stdout }: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of stdout ?? []) {
    said += String(chunk);
    if (said.includes('}')) break;
  }
  return said;
}
