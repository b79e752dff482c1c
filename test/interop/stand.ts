import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogInfo } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { startLog } from '@touchstone/log';
import type { RunningLog } from '@touchstone/log';
import { fsck, PosixStorage } from '@touchstone/tlog';
import type { Client } from './client.js';

/** How a client ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A log on loopback with a folder for its clients' files. */
export interface Stand {
  readonly log: RunningLog;
  readonly url: string;
  /** Files of this test; also the clients' home, so that they find nothing of anybody's. */
  readonly dir: string;
  file(name: string, content: string | Uint8Array): Promise<string>;
  json(path: string): Promise<unknown>;
  run(client: Client, args: readonly string[]): Promise<Ended>;
  /** Stops the log and checks what it wrote. */
  close(): Promise<void>;
}

export const ORIGIN = 'interop.touchstone.test';

/** Starts a log whose checkpoints are signed with Ed25519, and v1's promises with ECDSA. */
export async function startStand(
  logKey: PrivateKey = generateKey('ed25519'),
  origin = ORIGIN,
): Promise<Stand> {
  const dir = await mkdtemp(join(tmpdir(), 'touchstone-interop-'));
  const tiles = join(dir, 'tiles');
  const log = await startLog({
    TILES_DIR: tiles,
    LOG_ORIGIN: origin,
    LOG_KEY: logKey.toPem(),
    ...(logKey.publicKey.algorithm === 'ed25519'
      ? { LOG_V1_KEY: generateKey('ecdsa-p256-sha256').toPem() }
      : {}),
    LOG_LEVEL: 'silent',
    PORT: '0',
  });
  const json = async (path: string): Promise<unknown> => (await fetch(log.url + path)).json();
  const { vkey } = LogInfo.parse(await json('/v1/log'));
  return {
    log,
    url: log.url,
    dir,
    async file(name, content) {
      const path = join(dir, name);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    },
    json,
    run: (client, args) => runClient(client, args, dir),
    async close() {
      await log.close();
      const { problems } = await fsck(new PosixStorage(tiles), {
        vkeys: [vkey],
        verify: nodeVerifier,
      });
      await rm(dir, { recursive: true });
      if (problems.length > 0) throw new Error(JSON.stringify(problems));
    },
  };
}

export function runClient(client: Client, args: readonly string[], dir: string): Promise<Ended> {
  if ('absent' in client) throw new Error(client.absent);
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, COSIGN_PASSWORD: '' };
  return new Promise((resolve) => {
    execFile(
      client.path,
      args,
      { cwd: dir, env, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
        resolve({ code, output: stdout + stderr });
      },
    );
  });
}
