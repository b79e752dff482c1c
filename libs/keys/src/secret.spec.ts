import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey, isSecret, readSecret, readSecretKey, secretSource } from './index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-secret-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a secret of the environment', () => {
  it('is in a file or given as such, and not both', () => {
    expect(secretSource('TOKEN', {})).toBeUndefined();
    expect(secretSource('TOKEN', { TOKEN: '', TOKEN_FILE: '' })).toBeUndefined();
    expect(secretSource('TOKEN', { TOKEN: 'a' })).toEqual({ text: 'a' });
    expect(secretSource('TOKEN', { TOKEN: '', TOKEN_FILE: '/x' })).toEqual({ file: '/x' });
    expect(() => secretSource('TOKEN', { TOKEN: 'a', TOKEN_FILE: '/x' })).toThrow(
      expect.objectContaining({ code: 'secret-ambiguous' }),
    );
  });

  it('is read without the line end of its file', async () => {
    const file = join(dir, 'token');
    await writeFile(file, 'a secret\n');
    expect(readSecret({ file })).toBe('a secret');
    expect(readSecret({ text: ' a secret ' })).toBe('a secret');
    expect(() => readSecret({ file: join(dir, 'absent') })).toThrow(
      expect.objectContaining({ code: 'secret-unreadable' }),
    );
  });

  it('may be a private key, whose file must be its owner’s alone', async () => {
    const key = generateKey('ed25519');
    const file = join(dir, 'key.pem');
    await writeFile(file, key.toPem(), { mode: 0o600 });
    for (const source of [{ file }, { text: key.toPem() }]) {
      expect((await readSecretKey(source)).publicKey).toEqual(key.publicKey);
    }
    const open = join(dir, 'open.pem');
    await writeFile(open, key.toPem(), { mode: 0o644 });
    await expect(readSecretKey({ file: open })).rejects.toMatchObject({
      code: 'key-file-permissions',
    });
  });
});

it('a presented secret is the secret or is not', () => {
  expect(isSecret('the secret', 'the secret')).toBe(true);
  for (const other of ['', 'the secre', 'the secret ', 'The secret']) {
    expect(isSecret(other, 'the secret')).toBe(false);
  }
});
