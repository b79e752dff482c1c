import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey } from '@touchstone/keys';
import { compile, freePort, ROOT } from '@touchstone/kit';
import { expect, it } from 'vitest';

it('a log whose output lies on a full disk goes on serving, and ends when it is told to', async () => {
  await compile('apps/log');
  const dir = await mkdtemp(join(tmpdir(), 'log-output-'));
  // Every write to it fails with ENOSPC.
  const full = await open('/dev/full', 'w');
  const port = await freePort();
  const log = spawn(process.execPath, ['apps/log/dist/main.js'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      TILES_DIR: dir,
      LOG_ORIGIN: 'output.touchstone.dev/log',
      LOG_KEY: generateKey('ed25519').toPem(),
      PORT: String(port),
      LOG_LEVEL: 'debug',
    },
    stdio: ['ignore', full.fd, full.fd],
  });
  const ended = once(log, 'exit');
  try {
    let answered = 0;
    while (answered < 3) {
      expect(log.exitCode).toBeNull();
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      if (answer === undefined) continue;
      expect(answer.status).toBe(200);
      // Refusals are told in the output.
      expect((await fetch(`http://127.0.0.1:${port}/v1/nowhere`)).status).toBe(404);
      answered++;
    }
  } finally {
    log.kill('SIGTERM');
    await full.close();
  }
  expect(await ended).toEqual([0, null]);
  await rm(dir, { recursive: true });
});
