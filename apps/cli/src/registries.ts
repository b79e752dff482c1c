import { homedir } from 'node:os';
import { dockerCredentials, type RepositoryOptions } from '@touchstone/oci';

/** How this machine's operator lets an OCI registry be asked. */
export async function registryTransport(
  registry: string,
  allowPrivate: boolean,
): Promise<RepositoryOptions> {
  const hosts = new Set([registry]);
  const local = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(registry);
  const credentials = await dockerCredentials(registry, process.env, homedir());
  return {
    ...(allowPrivate ? { privateHosts: hosts } : {}),
    ...(allowPrivate && local ? { plainHosts: hosts } : {}),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
