import { execFileSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPrivateKey, writePrivateKey } from './key-file.js';
import { generateKey } from './private-key.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('key files', () => {
  const key = generateKey('ed25519');
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'touchstone-keys-'));
    file = join(folder, 'signing.pem');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it.each(['ed25519', 'ecdsa-p256-sha256'] as const)('keep a key of %s', async (algorithm) => {
    const made = generateKey(algorithm);
    await writePrivateKey(file, made);
    const read = await readPrivateKey(file);
    expect(read.publicKey).toEqual(made.publicKey);
    expect(read.toPem()).toBe(made.toPem());
    expect(await readdir(folder)).toEqual(['signing.pem']);
  });

  it('are for their owner alone, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      await writePrivateKey(file, key);
    } finally {
      process.umask(before);
    }
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('are never overwritten', async () => {
    await writePrivateKey(file, key);
    const before = await readFile(file, 'utf8');
    await expect(writePrivateKey(file, generateKey('ed25519'))).rejects.toThrow(
      code('key-file-exists'),
    );
    expect(await readFile(file, 'utf8')).toBe(before);
    const link = join(folder, 'link.pem');
    await symlink(join(folder, 'nowhere.pem'), link);
    await expect(writePrivateKey(link, key)).rejects.toThrow(code('key-file-exists'));
  });

  it.each([0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666, 0o777])(
    'are refused with mode %o',
    async (mode) => {
      await writePrivateKey(file, key);
      await chmod(file, mode);
      await expect(readPrivateKey(file)).rejects.toThrow(code('key-file-permissions'));
      await expect(readPrivateKey(file)).rejects.toThrow(`chmod 600 ${file}`);
    },
  );

  it.each([0o600, 0o400, 0o700])('are read with mode %o', async (mode) => {
    await writePrivateKey(file, key);
    await chmod(file, mode);
    expect((await readPrivateKey(file)).publicKey).toEqual(key.publicKey);
  });

  it('may be reached through a link, as mounted secrets are', async () => {
    await writePrivateKey(file, key);
    const link = join(folder, 'link.pem');
    await symlink(file, link);
    expect((await readPrivateKey(link)).publicKey).toEqual(key.publicKey);
    await chmod(file, 0o644);
    await expect(readPrivateKey(link)).rejects.toThrow(code('key-file-permissions'));
  });

  it('are refused when they are not there or no files', async () => {
    await expect(readPrivateKey(file)).rejects.toThrow(code('key-file-missing'));
    await expect(readPrivateKey(folder)).rejects.toThrow(code('key-file-not-regular'));
    await expect(readPrivateKey(join(folder, 'x'.repeat(300)))).rejects.toThrow(
      code('key-file-unreadable'),
    );
    await expect(writePrivateKey(join(folder, 'no', 'key.pem'), key)).rejects.toThrow(
      code('key-file-not-written'),
    );
    await mkdir(file);
    await expect(writePrivateKey(file, key)).rejects.toThrow(code('key-file-exists'));
  });

  it('are refused when a named pipe, without waiting for a writer', async () => {
    execFileSync('mkfifo', ['-m', '600', file]);
    await expect(readPrivateKey(file)).rejects.toThrow(code('key-file-not-regular'));
  });

  it('are refused when too large or no key, and the error names the file', async () => {
    await writeFile(file, 'x'.repeat(16_385), { mode: 0o600 });
    await expect(readPrivateKey(file)).rejects.toThrow(code('key-file-not-regular'));
    await writeFile(file, key.toPem().slice(0, 60), { mode: 0o600 });
    await expect(readPrivateKey(file)).rejects.toThrow(code('key-malformed'));
    await expect(readPrivateKey(file)).rejects.toThrow(file);
  });
});
