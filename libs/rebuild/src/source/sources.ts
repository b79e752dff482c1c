import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sourceDescriptor } from '@touchstone/attest';
import type { Source } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { ResolvedDependency } from '../toolchain/toolchain.js';
import { BlobStore } from './blob-store.js';
import { fetchComposition } from './composition-source.js';
import { download, type DownloadOptions } from './download.js';
import { GitSource, type GitSourceOptions } from './git-source.js';
import { sha256Hex, sha256Integrity } from './integrity.js';
import { MAX_TARBALL_BYTES, type NpmSource } from './npm-source.js';
import { OciSource, type OciSourceOptions } from './oci-source.js';
import { readLinkedTarball, readTarball, type SourceEntry } from './unpack.js';

export interface FetchedSource {
  readonly entries: readonly SourceEntry[];
  /** Everything that was fetched for it, the source itself first. */
  readonly dependencies: readonly ResolvedDependency[];
  /** Of a commit, when it was made, in seconds since 1970. */
  readonly committed?: number;
}

export interface SourcesOptions {
  /** The operator's word that private and local addresses, and plain http there, are meant. */
  readonly allowPrivate?: boolean;
  /** The operator's word that `file://` repositories of this machine are meant. */
  readonly allowFiles?: boolean;
  /** git bundles that are looked into before a repository is asked. */
  readonly bundles?: readonly string[];
  /** PEM of certificate authorities, and the proxy that https goes through. */
  readonly ca?: string;
  readonly proxy?: string;
  readonly noProxy?: readonly string[];
  readonly git?: Pick<GitSourceOptions, 'limits' | 'maxDisk' | 'milliseconds'>;
  readonly oci?: Pick<OciSourceOptions, 'credentials' | 'attempts' | 'backoff'>;
  readonly download?: Pick<DownloadOptions, 'attempts' | 'backoff' | 'idleTimeout'>;
}

/** Wherever a recipe's source, and its artifact, may come from. */
export class Sources {
  readonly npm: NpmSource;
  readonly oci: OciSource;
  readonly #git: GitSource;
  readonly #blobs: BlobStore;
  readonly #download: DownloadOptions;

  private constructor(npm: NpmSource, cache: string, options: SourcesOptions, caFile?: string) {
    const { allowPrivate = false, ca, proxy, noProxy } = options;
    const network = {
      allowPrivate,
      ...(proxy === undefined ? {} : { proxy }),
      ...(noProxy === undefined ? {} : { noProxy }),
    };
    const authorities = ca === undefined ? {} : { ca };
    this.npm = npm;
    this.oci = new OciSource({ allowPrivate, ...authorities, ...options.oci });
    this.#blobs = new BlobStore(join(cache, 'blobs'));
    this.#download = { ...network, ...authorities, ...options.download };
    this.#git = new GitSource(join(cache, 'git'), {
      ...network,
      ...(options.allowFiles === undefined ? {} : { allowFiles: options.allowFiles }),
      ...(options.bundles === undefined ? {} : { bundles: options.bundles }),
      ...(caFile === undefined ? {} : { caFile }),
      ...options.git,
    });
  }

  /** @param cache folder, made when needed */
  static async open(npm: NpmSource, cache: string, options: SourcesOptions = {}): Promise<Sources> {
    const { ca } = options;
    if (ca === undefined) return new Sources(npm, cache, options);
    // git reads authorities from a file of its own.
    const file = join(cache, 'git', `authorities-${sha256Hex(ca).slice(0, 16)}.pem`);
    await mkdir(join(cache, 'git'), { recursive: true });
    await writeFile(file, ca);
    return new Sources(npm, cache, options, file);
  }

  /** @throws RebuildError of the fetch, of the archive or of the tree */
  async fetch(source: Source, signal?: AbortSignal): Promise<FetchedSource> {
    switch (source.kind) {
      case 'npm': {
        const tarball = await this.npm.tarball(source, signal);
        return { entries: await readTarball(tarball), dependencies: [named(source)] };
      }
      case 'tarball': {
        const tarball = await this.#file(source, signal);
        return { entries: await readLinkedTarball(tarball), dependencies: [named(source)] };
      }
      case 'git': {
        const { entries, ...rest } = await this.#git.checkout(source, signal);
        return {
          ...rest,
          entries: entries.map((entry) => ({ ...entry, path: `source/${entry.path}` })),
        };
      }
      case 'oci': {
        const { commit, dependencies } = await this.oci.sourceOf(source, signal);
        const fetched = await this.fetch(commit, signal);
        const [first, ...others] = fetched.dependencies;
        const renamed = first === undefined ? [] : [{ ...first, name: 'commit' }];
        return {
          ...fetched,
          dependencies: [named(source), ...dependencies, ...renamed, ...others],
        };
      }
      case 'composition': {
        const fetch = { npm: this.npm, oci: this.oci, file: this.#file.bind(this) };
        return fetchComposition(source, fetch, signal);
      }
    }
  }

  async #file(
    { url, sha256 }: { readonly url: string; readonly sha256: string },
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const integrity = sha256Integrity(sha256);
    const kept = await this.#blobs.read(integrity);
    if (kept !== undefined) return kept;
    await download(
      url,
      { ...this.#download, ...(signal === undefined ? {} : { signal }) },
      (body) => this.#blobs.write(integrity, body, MAX_TARBALL_BYTES),
    );
    const fetched = await this.#blobs.read(integrity);
    if (fetched === undefined)
      throw new RebuildError('integrity-mismatch', `${url} changed on the disk`);
    return fetched;
  }
}

function named(source: Source): ResolvedDependency {
  return { ...sourceDescriptor(source), name: 'source' };
}
