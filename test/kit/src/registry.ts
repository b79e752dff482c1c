import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';

export interface RunningRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  close(): Promise<void>;
}

/** Debian's docker-registry, or why there is none. */
export const registryAbsent: string | undefined =
  spawnSync('docker-registry', ['--version']).error === undefined
    ? undefined
    : "Debian's docker-registry is not installed";

/** Starts distribution's own registry over a folder that goes when it is closed. */
export async function startRegistry(htpasswd?: string): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  const port = await freePort();
  const lines = [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    `storage: { filesystem: { rootdirectory: ${join(folder, 'data')} }, delete: { enabled: true } }`,
    `http: { addr: '127.0.0.1:${port}' }`,
  ];
  if (htpasswd !== undefined) {
    await writeFile(join(folder, 'htpasswd'), htpasswd);
    lines.push(`auth: { htpasswd: { realm: test, path: ${join(folder, 'htpasswd')} } }`);
  }
  await writeFile(join(folder, 'config.yml'), `${lines.join('\n')}\n`);
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const host = `127.0.0.1:${port}`;
  for (let i = 0; ; i += 1) {
    const up = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false,
    );
    if (up) break;
    if (i > 200 || child.exitCode !== null) throw new Error('docker-registry does not start');
    await delay(50);
  }
  return {
    host,
    async close() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
