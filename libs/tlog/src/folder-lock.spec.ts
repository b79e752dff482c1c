import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.js';

let parent: string;
let dir: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'folder-lock-'));
  dir = join(parent, 'log');
});

afterEach(() => rm(parent, { recursive: true }));

describe('lockFolder', () => {
  it('has one holder at a time, and names the folder to the second', async () => {
    const lock = await lockFolder(dir);
    await lock.assertHeld();
    await expect(lockFolder(dir)).rejects.toMatchObject({
      code: 'folder-locked',
      message: expect.stringContaining(dir) as string,
    });
    await lock.release();
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'lock-lost' });
    await (await lockFolder(dir)).release();
  });

  it('yields to another process and follows when that is killed', async () => {
    await mkdir(dir);
    const holder = spawn('flock', ['-x', dir, 'sh', '-c', 'echo held; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    await once(holder.stdout, 'data');
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'folder-locked' });
    const ended = once(holder, 'close');
    process.kill(-holder.pid!, 'SIGKILL');
    await ended;
    await (await lockFolder(dir)).release();
  });

  it('notices that the folder was put aside', async () => {
    const lock = await lockFolder(dir);
    await rename(dir, `${dir}.old`);
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'lock-lost' });
    await mkdir(dir);
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'lock-lost' });
    await lock.release();
  });

  it('says what is missing where there is no flock(1)', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = parent;
    try {
      await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'lock-unavailable' });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
