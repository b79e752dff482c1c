import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generateKey, readPrivateKey, writePrivateKey, type PrivateKey } from '@touchstone/keys';
import type { SignatureAlgorithm } from '@touchstone/note';

/** The key in `file`; made there on first use. */
export async function keptKey(file: string, algorithm: SignatureAlgorithm): Promise<PrivateKey> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writePrivateKey(file, generateKey(algorithm));
  } catch (error) {
    if (!isExisting(error)) throw error;
  }
  return readPrivateKey(file);
}

/** The random token in `file`, made there (mode 0600) on first use. */
export async function keptToken(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(randomBytes(32).toString('base64url'));
    await handle.close();
  } catch (error) {
    if (!isExisting(error)) throw error;
  }
  return readFile(file, 'utf8');
}

function isExisting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EEXIST' || code === 'key-file-exists';
}
