import { RebuildError } from '../errors.js';
import { download, type DownloadOptions } from '../source/download.js';
import { allowedOrigins, registryOf, type RegistryConfig } from '../source/registry-config.js';

export type RegistryOptions = Omit<DownloadOptions, 'origins'>;

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * A JSON document of the registry that has a package.
 *
 * @param path below the registry, of the escaped name
 * @throws RebuildError of the download, `too-large`, `package-malformed`
 */
export async function readRegistryDocument(
  config: RegistryConfig,
  name: string,
  path: (escaped: string) => string,
  options: RegistryOptions,
): Promise<unknown> {
  const { ca, proxy, noProxy } = config;
  const network = {
    ...(ca === undefined ? {} : { ca }),
    ...(proxy === undefined ? {} : { proxy }),
    ...{ noProxy, ...options, origins: allowedOrigins(config) },
  };
  const url = registryOf(config, name) + path(name.replace('/', '%2f'));
  const text = await download(url, network, (body) => collect(body, name));
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new RebuildError('package-malformed', `what the registry tells of ${name} is no JSON`, {
      cause,
    });
  }
}

async function collect(body: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES)
      throw new RebuildError('too-large', `what the registry tells of ${name} is too large`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
