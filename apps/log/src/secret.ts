import { readFile } from 'node:fs/promises';
import { privateKeyFromPem, readPrivateKey } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import type { SecretSource } from './environment.js';

export async function readKey(source: SecretSource): Promise<PrivateKey> {
  return 'file' in source ? readPrivateKey(source.file) : privateKeyFromPem(source.text);
}

/** A secret of one line. */
export async function readSecret(source: SecretSource): Promise<string> {
  const text = 'file' in source ? await readFile(source.file, 'utf8') : source.text;
  return text.trim();
}
