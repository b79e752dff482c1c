import type { NpmTarball } from '@touchstone/contract';
import type { BlobStore } from './blob-store.js';
import { download, type DownloadOptions } from './download.js';
import { RebuildError } from '../errors.js';
import { allowedOrigins, registryOf, type RegistryConfig } from './registry-config.js';

export const MAX_TARBALL_BYTES = 256 * 1024 * 1024;
const MAX_METADATA_BYTES = 4 * 1024 * 1024;

export type PinnedPackage = Pick<NpmTarball, 'name' | 'version' | 'integrity'>;

export interface NpmSourceOptions extends Omit<DownloadOptions, 'origins' | 'signal'> {
  readonly maxBytes?: number;
}

/** Tarballs of the registries that npm's configuration names, each pinned by its integrity. */
export class NpmSource {
  readonly #blobs: BlobStore;
  readonly #config: RegistryConfig;
  readonly #options: NpmSourceOptions;

  constructor(blobs: BlobStore, config: RegistryConfig, options: NpmSourceOptions = {}) {
    this.#blobs = blobs;
    this.#config = config;
    this.#options = options;
  }

  /**
   * @throws RebuildError `integrity-mismatch`, `too-large`, `source-not-found`,
   *   `source-unreachable`, `host-not-allowed`, `address-not-allowed`, `aborted`
   */
  async tarball(pin: PinnedPackage, signal?: AbortSignal): Promise<Uint8Array> {
    const cached = await this.#blobs.read(pin.integrity);
    if (cached !== undefined) return cached;
    const registry = registryOf(this.#config, pin.name);
    try {
      await this.#fetch(conventionalUrl(registry, pin), pin, signal);
    } catch (error) {
      if (!(error instanceof RebuildError) || error.code !== 'source-not-found') throw error;
      // Some registries keep tarballs elsewhere; their metadata says where.
      await this.#fetch(await this.#tarballUrl(registry, pin, signal), pin, signal);
    }
    const fetched = await this.#blobs.read(pin.integrity);
    if (fetched === undefined)
      throw new RebuildError(
        'integrity-mismatch',
        `${pin.name}@${pin.version} changed on the disk`,
      );
    return fetched;
  }

  async #fetch(url: string, pin: PinnedPackage, signal: AbortSignal | undefined): Promise<void> {
    const maxBytes = this.#options.maxBytes ?? MAX_TARBALL_BYTES;
    await download(url, this.#downloadOptions(signal), (body) =>
      this.#blobs.write(pin.integrity, body, maxBytes),
    );
  }

  async #tarballUrl(
    registry: string,
    pin: PinnedPackage,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const path = `${pin.name.replace('/', '%2f')}/${encodeURIComponent(pin.version)}`;
    const text = await download(registry + path, this.#downloadOptions(signal), (body) =>
      collectText(body, MAX_METADATA_BYTES),
    );
    const url = tarballOf(text);
    if (url === undefined)
      throw new RebuildError(
        'source-not-found',
        `the registry's metadata of ${pin.name}@${pin.version} names no tarball`,
      );
    return url;
  }

  #downloadOptions(signal: AbortSignal | undefined): DownloadOptions {
    const { ca, proxy, noProxy } = this.#config;
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(proxy === undefined ? {} : { proxy }),
      noProxy,
      ...this.#options,
      origins: allowedOrigins(this.#config),
      ...(signal === undefined ? {} : { signal }),
    };
  }
}

function conventionalUrl(registry: string, { name, version }: PinnedPackage): string {
  const bare = name.split('/').at(-1) ?? name;
  return `${registry}${name}/-/${bare}-${encodeURIComponent(version)}.tgz`;
}

async function collectText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes)
      throw new RebuildError('too-large', `the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tarballOf(metadata: string): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(metadata);
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null || !('dist' in document)) return undefined;
  const { dist } = document;
  if (typeof dist !== 'object' || dist === null || !('tarball' in dist)) return undefined;
  return typeof dist.tarball === 'string' && URL.canParse(dist.tarball) ? dist.tarball : undefined;
}
