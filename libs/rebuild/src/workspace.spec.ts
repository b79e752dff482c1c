import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from './toolchain/tree.js';
import { clearOutputs, readOutput } from './workspace.js';

let folder = '';
let outside = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'workspace-'));
  outside = await mkdtemp(join(tmpdir(), 'outside-'));
  await writeFile(join(outside, 'm.wasm'), 'of somebody else');
});
afterEach(async () => {
  await removeTree(folder);
  await removeTree(outside);
});

describe('what a build leaves as its output', () => {
  it('is read where the recipe says', async () => {
    await mkdir(join(folder, 'dist'));
    await writeFile(join(folder, 'dist/m.wasm'), 'built');
    expect(Buffer.from(await readOutput(folder, 'dist/m.wasm')).toString()).toBe('built');
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ['nothing', 'output-missing', async () => undefined],
    ['a file in the place of a folder', 'output-not-regular', () => write('dist')],
    ['a link to a file elsewhere', 'output-not-regular', () => link('dist/m.wasm', 'm.wasm')],
    ['a link to a file of its own', 'output-not-regular', () => own('dist/m.wasm')],
    ['a link that leads nowhere', 'output-not-regular', () => link('dist/m.wasm', 'none')],
    ['a file behind a link', 'output-not-regular', () => link('dist', '.')],
    [
      'a folder',
      'output-not-regular',
      () => mkdir(join(folder, 'dist/m.wasm'), { recursive: true }),
    ],
    ['a named pipe', 'output-not-regular', () => special('p')],
    ['a hole of a terabyte', 'output-too-large', () => hole(2 ** 40)],
    ['a byte too many', 'output-too-large', () => hole(64 * 1024 * 1024 + 1)],
  ])('%s: %s', async (_, code, make) => {
    await make();
    const before = process.memoryUsage().rss;
    await expect(readOutput(folder, 'dist/m.wasm')).rejects.toMatchObject({ code });
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
  });

  // Devices can be made by root alone.
  it.skipIf(process.getuid?.() !== 0)('a device: output-not-regular', async () => {
    await special('c', '1', '5');
    await expect(readOutput(folder, 'dist/m.wasm')).rejects.toMatchObject({
      code: 'output-not-regular',
    });
  });

  it('does not pass for built when the source brought it', async () => {
    await write('dist/m.wasm');
    await clearOutputs(folder, ['dist/m.wasm', 'none']);
    await expect(readOutput(folder, 'dist/m.wasm')).rejects.toMatchObject({
      code: 'output-missing',
    });
    expect(await readdir(join(folder, 'dist'))).toEqual([]);
  });
});

async function write(path: string): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), 'brought');
}

async function link(path: string, target: string): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await symlink(join(outside, target), join(folder, path));
}

async function own(path: string): Promise<void> {
  await write('source.wasm');
  await mkdir(join(folder, path, '..'), { recursive: true });
  await symlink('../source.wasm', join(folder, path));
}

async function special(...kind: string[]): Promise<void> {
  await mkdir(join(folder, 'dist'));
  execFileSync('mknod', [join(folder, 'dist/m.wasm'), ...kind]);
}

async function hole(size: number): Promise<void> {
  await write('dist/m.wasm');
  await truncate(join(folder, 'dist/m.wasm'), size);
}
