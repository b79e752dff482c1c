import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLockfile } from './find-lockfile.js';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lockfile-'));
  await mkdir(join(root, 'package/crates/one'), { recursive: true });
  await mkdir(join(root, 'linked'));
  const files = {
    'package/Cargo.lock': 'outer',
    'package/Cargo.toml': 'manifest',
    'package/package-lock.json': 'npm',
    'package/crates/one/package-lock.json': 'inner',
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
  await symlink('/etc/passwd', join(root, 'linked/Cargo.lock'));
});

afterAll(() => rm(root, { recursive: true }));

async function found(directory: string, toolchain: string): Promise<(string | undefined)[]> {
  const lockfile = await findLockfile(root, directory, toolchain);
  const text = (bytes?: Uint8Array) => bytes && new TextDecoder().decode(bytes);
  return [lockfile?.name, text(lockfile?.bytes), text(lockfile?.beside)];
}

describe('the lockfile of a build', () => {
  it('is the one its toolchain obeys, in the folder it runs in or above', async () => {
    expect(await found('package/crates/one', 'debian-rust')).toEqual([
      'Cargo.lock',
      'outer',
      'manifest',
    ]);
    expect(await found('package/crates/one', 'assemblyscript')).toEqual([
      'package-lock.json',
      'inner',
      undefined,
    ]);
    expect(await found('package', 'debian-go')).toEqual([undefined, undefined, undefined]);
  });

  it('is none that lies behind a link, and none where there is no folder', async () => {
    expect(await found('linked', 'rust')).toEqual([undefined, undefined, undefined]);
    expect(await found('nowhere/at/all', 'rust')).toEqual([undefined, undefined, undefined]);
  });
});
