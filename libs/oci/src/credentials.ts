import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from './auth.js';

/**
 * The credentials for a registry in Docker's configuration file (`$DOCKER_CONFIG/config.json`,
 * `~/.docker/config.json`), where `docker login` and `oras login` leave them. Programs that such a
 * file names to keep secrets (`credsStore`, `credHelpers`) are not started.
 */
export async function dockerCredentials(
  registry: string,
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<Credentials | undefined> {
  const file = join(environment['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json');
  let document: unknown;
  try {
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
  const auths = field(document, 'auths');
  const entry = field(auths, registry) ?? field(auths, `https://${registry}`);
  const auth = field(entry, 'auth');
  if (typeof auth !== 'string') return undefined;
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
