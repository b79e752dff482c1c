import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PosixStorage } from './posix-storage.js';

const BYTES = Uint8Array.of(1, 2, 3);
let dir: string;
let storage: PosixStorage;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'posix-storage-'));
  storage = new PosixStorage(dir);
});

afterEach(() => rm(dir, { recursive: true }));

async function modeOf(path: string): Promise<string> {
  return ((await stat(join(dir, path))).mode & 0o777).toString(8);
}

describe('PosixStorage', () => {
  it('reads what it wrote, and undefined where there is nothing', async () => {
    await storage.writeAll([
      { path: 'tile/0/x001/067', bytes: BYTES },
      { path: 'tile/0/x001/067.p/15', bytes: BYTES.subarray(1) },
      { path: 'checkpoint', bytes: new Uint8Array(0) },
    ]);
    expect(Uint8Array.from((await storage.read('tile/0/x001/067')) ?? [])).toEqual(BYTES);
    expect((await storage.read('tile/0/x001/067.p/15'))?.length).toBe(2);
    expect((await storage.read('checkpoint'))?.length).toBe(0);
    expect(await storage.read('tile/0/000')).toBeUndefined();
    expect(await storage.read('tile/0/x001/067/000'.replace('/000', '.p/1'))).toBeUndefined();
    expect((await storage.list('tile/0/x001')).sort()).toEqual(['067', '067.p']);
    expect(await storage.list('tile/7')).toEqual([]);
  });

  it('replaces a file whole and leaves nothing temporary', async () => {
    await storage.write('state', BYTES);
    await storage.write('state', new Uint8Array(1));
    expect((await storage.read('state'))?.length).toBe(1);
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
  });

  it.each(['', '/checkpoint', '../state', 'tile/0/../../state', 'tile/0/000.p/256', 'other'])(
    'refuses the path %j',
    async (path) => {
      await expect(storage.read(path)).rejects.toMatchObject({ code: 'path-invalid' });
      await expect(storage.write(path, BYTES)).rejects.toMatchObject({ code: 'path-invalid' });
      await expect(storage.remove([path])).rejects.toMatchObject({ code: 'path-invalid' });
    },
  );

  it.each(['', '..', 'tile', 'tile/..', 'tile/64', 'tile/0/', 'tile/0/000'])(
    'refuses to list %j',
    async (folder) => {
      await expect(storage.list(folder)).rejects.toMatchObject({ code: 'path-invalid' });
    },
  );

  it('lets others read tiles whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await storage.write('tile/0/000.p/1', BYTES);
    } finally {
      process.umask(umask);
    }
    expect(await modeOf('tile/0/000.p/1')).toBe('644');
    for (const folder of ['tile', 'tile/0', 'tile/0/000.p'])
      expect(await modeOf(folder)).toBe('755');
  });

  it('removes what a dead process left in the temporary folder, before the first write', async () => {
    await mkdir(join(dir, '.tmp'));
    await writeFile(join(dir, '.tmp', '17'), 'torn');
    await storage.write('state', BYTES);
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
  });

  it('fails cleanly when a file cannot take its place, and works again afterwards', async () => {
    await mkdir(join(dir, 'tile/0/001'), { recursive: true });
    const files = ['tile/0/000', 'tile/0/001'].map((path) => ({ path, bytes: BYTES }));
    await expect(storage.writeAll(files)).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
    await rm(join(dir, 'tile'), { recursive: true });
    await storage.writeAll(files);
    expect(await readFile(join(dir, 'tile/0/001'))).toHaveLength(3);
  });

  it('reports a folder that cannot be made, and leaves no temporary file', async () => {
    await writeFile(join(dir, 'tile'), 'a file where the folder belongs');
    await expect(storage.write('tile/0/000.p/1', BYTES)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:ENOTDIR|EEXIST)$/) as string,
    });
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
  });

  // Permission bits do not bind root; a read-only disk, which does, is in test/faults/log-disk.
  it.skipIf(process.getuid?.() === 0)('reports a folder that cannot be written', async () => {
    await chmod(dir, 0o555);
    await expect(storage.write('state', BYTES)).rejects.toMatchObject({ code: 'EACCES' });
    await chmod(dir, 0o755);
  });

  it('removes files and does not mind one that is not there', async () => {
    await storage.write('tile/0/000.p/1', BYTES);
    await storage.remove(['tile/0/000.p/1', 'tile/0/000.p/2']);
    expect(await storage.list('tile/0/000.p')).toEqual([]);
  });
});
