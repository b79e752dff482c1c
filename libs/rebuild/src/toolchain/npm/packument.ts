import { z } from 'zod';
import { Integrity, NpmName, NpmVersion } from '@touchstone/contract';
import { RebuildError } from '../../errors.js';
import { download, type DownloadOptions } from '../../source/download.js';
import { allowedOrigins, registryOf, type RegistryConfig } from '../../source/registry-config.js';

const MAX_PACKUMENT = 128 * 1024 * 1024;
const Dependencies = z.record(z.string(), z.string());

const Manifest = z.object({
  version: NpmVersion,
  dependencies: Dependencies.optional(),
  optionalDependencies: Dependencies.optional(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  dist: z.object({ integrity: Integrity.optional() }),
});

/** What a registry tells of a package: npm's `GET /NAME`. */
export interface Packument {
  readonly name: string;
  readonly versions: ReadonlyMap<string, Manifest>;
  /** When each version was published. */
  readonly time: Readonly<Record<string, string>>;
}

export type Manifest = z.infer<typeof Manifest>;

/** @throws RebuildError `package-unknown`, `package-malformed` and those of the download */
export async function readPackument(
  config: RegistryConfig,
  name: string,
  options: Omit<DownloadOptions, 'origins'> = {},
): Promise<Packument> {
  const { ca, proxy, noProxy } = config;
  const url = `${registryOf(config, name)}${NpmName.parse(name).replace('/', '%2f')}`;
  const network = {
    ...(ca === undefined ? {} : { ca }),
    ...(proxy === undefined ? {} : { proxy }),
    noProxy,
    ...options,
    origins: allowedOrigins(config),
  };
  try {
    return parsePackument(name, await download(url, network, (body) => collect(body, name)));
  } catch (error) {
    if (!(error instanceof RebuildError) || error.code !== 'source-not-found') throw error;
    throw new RebuildError('package-unknown', `the registry has no package ${name}`, {
      cause: error,
    });
  }
}

async function collect(body: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_PACKUMENT)
      throw new RebuildError('too-large', `what the registry tells of ${name} is too large`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function parsePackument(name: string, text: string): Packument {
  const Document = z.object({
    versions: z.record(z.string(), z.unknown()),
    time: z.record(z.string(), z.string()).catch({}),
  });
  let document: z.infer<typeof Document>;
  try {
    document = Document.parse(JSON.parse(text));
  } catch (error) {
    throw new RebuildError('package-malformed', `what the registry tells of ${name} is malformed`, {
      cause: error,
    });
  }
  const versions = new Map<string, Manifest>();
  for (const [version, manifest] of Object.entries(document.versions)) {
    const parsed = Manifest.safeParse(manifest);
    // Versions of npm's first years have no sha512 integrity: no lock can pin them.
    if (parsed.success) versions.set(version, parsed.data);
  }
  return { name, versions, time: document.time };
}
