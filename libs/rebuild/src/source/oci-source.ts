import { GitUrl, type GitCommit, type OciArtifact } from '@touchstone/contract';
import {
  OciError,
  parseReference,
  Repository,
  REVISION_ANNOTATION,
  SOURCE_ANNOTATION,
  type Credentials,
  type ImageManifest,
  type OciErrorCode,
  type RepositoryOptions,
} from '@touchstone/oci';
import { RebuildError, type RebuildErrorCode } from '../errors.js';
import type { ResolvedDependency } from '../toolchain/toolchain.js';
import { readLinkedTar } from './tar.js';
import { DEFAULT_TAR_LIMITS, inflateTarball } from './unpack.js';

export interface OciSourceOptions extends Pick<RepositoryOptions, 'ca' | 'attempts' | 'backoff'> {
  /** The operator's word that registries on private and local addresses are meant. */
  readonly allowPrivate?: boolean;
  readonly credentials?: (registry: string) => Promise<Credentials | undefined>;
}

export interface OciFiles {
  /** By `blobs/sha256/<hex>` and, within archives, `blobs/sha256/<hex>/<path>`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly dependencies: readonly ResolvedDependency[];
}

const MAX_LAYER_BYTES = 512 * 1024 * 1024;
const MAX_CONFIG_BYTES = 1024 * 1024;
/** Media types of an image's configuration, of OCI and of Docker. */
const IMAGE_CONFIG = /\.image\.(?:v1|config\.v1)\+json$|container\.image/;

const CODES: Readonly<Record<OciErrorCode, RebuildErrorCode>> = {
  'reference-malformed': 'oci-malformed',
  'address-not-allowed': 'address-not-allowed',
  'redirect-refused': 'oci-refused',
  'challenge-refused': 'oci-refused',
  denied: 'oci-refused',
  'not-found': 'source-not-found',
  unreachable: 'source-unreachable',
  'answer-unexpected': 'oci-malformed',
  'digest-mismatch': 'integrity-mismatch',
  'too-large': 'too-large',
  'manifest-malformed': 'oci-malformed',
  'layout-malformed': 'oci-malformed',
  aborted: 'aborted',
};

/** Artifacts of OCI registries, pinned by the digest of their manifest. */
export class OciSource {
  readonly #options: OciSourceOptions;

  constructor(options: OciSourceOptions = {}) {
    this.#options = options;
  }

  /**
   * Of an artifact, those layers that are asked for, and the files in those that are archives.
   *
   * @param digests hex, of the layers; all layers when left out
   * @throws RebuildError `address-not-allowed`, `oci-refused`, `oci-malformed`, `source-not-found`,
   *   `source-unreachable`, `integrity-mismatch`, `too-large`, `tarball-*`, `aborted`
   */
  async files(
    artifact: OciArtifact,
    digests: ReadonlySet<string> | undefined,
    signal?: AbortSignal,
  ): Promise<OciFiles> {
    return translated(async () => {
      const repository = await this.#repository(artifact);
      const image = await imageOf(repository, artifact, signal);
      const files = new Map<string, Uint8Array>();
      const dependencies: ResolvedDependency[] = [];
      let total = 0;
      for (const layer of image.layers) {
        const hex = layer.digest.slice('sha256:'.length);
        const path = `blobs/sha256/${hex}`;
        if (digests?.has(hex) === false || files.has(path)) continue;
        total += layer.size;
        const bytes = await repository.blob(
          layer,
          { maxBytes: MAX_LAYER_BYTES - total + layer.size },
          signal,
        );
        files.set(path, bytes);
        for (const [inner, data] of await archiveFiles(bytes)) files.set(`${path}/${inner}`, data);
        dependencies.push(blobDependency(repository, layer));
      }
      return { files, dependencies };
    });
  }

  /**
   * The commit that an artifact's annotations name, or the labels of an image's configuration; and
   * what had to be fetched for it besides the manifest.
   * @throws RebuildError as {@link files}, `oci-no-source`
   */
  async sourceOf(
    artifact: OciArtifact,
    signal?: AbortSignal,
  ): Promise<{ commit: GitCommit; dependencies: readonly ResolvedDependency[] }> {
    return translated(async () => {
      const repository = await this.#repository(artifact);
      const image = await imageOf(repository, artifact, signal);
      const annotated = image.annotations?.[SOURCE_ANNOTATION] !== undefined;
      const isImage = !annotated && IMAGE_CONFIG.test(image.config.mediaType);
      const labels = isImage
        ? await imageLabels(repository, image, signal)
        : (image.annotations ?? {});
      const url = labels[SOURCE_ANNOTATION]?.replace(/^git\+/, '').replace(/\/+$/, '');
      const commit = labels[REVISION_ANNOTATION];
      if (
        !GitUrl.safeParse(url).success ||
        url === undefined ||
        !/^[0-9a-f]{40}$/.test(commit ?? '')
      )
        throw new RebuildError(
          'oci-no-source',
          `${artifact.repository} names no commit: ${SOURCE_ANNOTATION} is ${JSON.stringify(url?.slice(0, 200))}, ${REVISION_ANNOTATION} ${JSON.stringify(commit?.slice(0, 64))}`,
        );
      return {
        commit: { kind: 'git', url, commit: commit ?? '' },
        dependencies: isImage ? [blobDependency(repository, image.config)] : [],
      };
    });
  }

  async #repository(artifact: OciArtifact): Promise<Repository> {
    const reference = parseReference(artifact.repository);
    const { allowPrivate, credentials, ...rest } = this.#options;
    const held = await credentials?.(reference.registry);
    return new Repository(reference, {
      ...rest,
      ...(allowPrivate === true ? privateRegistry(reference.registry) : {}),
      ...(held === undefined ? {} : { credentials: held }),
    });
  }
}

/** A registry on this machine speaks plain HTTP, as every client of registries takes it. */
export function privateRegistry(
  registry: string,
): Pick<RepositoryOptions, 'privateHosts' | 'plainHosts'> {
  const hosts = new Set([registry]);
  const local = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(registry);
  return { privateHosts: hosts, ...(local ? { plainHosts: hosts } : {}) };
}

async function imageOf(
  repository: Repository,
  artifact: OciArtifact,
  signal: AbortSignal | undefined,
): Promise<ImageManifest> {
  const { content } = await repository.manifest(`sha256:${artifact.sha256}`, signal);
  if (content.kind === 'image') return content.image;
  throw new RebuildError(
    'oci-malformed',
    `${artifact.repository}@sha256:${artifact.sha256} is an index: pin one of the manifests that it lists`,
  );
}

async function imageLabels(
  repository: Repository,
  { config }: ImageManifest,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  const bytes = await repository.blob(config, { maxBytes: MAX_CONFIG_BYTES }, signal);
  try {
    const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      config?: { Labels?: unknown };
    } | null;
    const labels = document?.config?.Labels;
    if (typeof labels !== 'object' || labels === null) return {};
    return Object.fromEntries(
      Object.entries(labels).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    );
  } catch {
    return {};
  }
}

function blobDependency(
  repository: Repository,
  { digest }: ImageManifest['config'],
): ResolvedDependency {
  return {
    uri: `oci://${repository.name}@${digest}`,
    digest: { sha256: digest.slice('sha256:'.length) },
  };
}

/** The regular files of a layer that is a tar archive; none of another layer. */
async function archiveFiles(layer: Uint8Array): Promise<[string, Uint8Array][]> {
  const gzip = layer[0] === 0x1f && layer[1] === 0x8b;
  const isTar = (bytes: Uint8Array): boolean =>
    Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar';
  if (!gzip && !isTar(layer)) return [];
  const archive = gzip ? await inflateTarball(layer, DEFAULT_TAR_LIMITS) : layer;
  if (!isTar(archive)) return [];
  // Layers of images link within themselves. Links are passed over: a module is a file.
  return readLinkedTar(archive, DEFAULT_TAR_LIMITS).flatMap((entry) =>
    'data' in entry && entry.type === 'file' ? [[entry.path, entry.data]] : [],
  );
}

async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof OciError)
      throw new RebuildError(CODES[error.code], error.message, { cause: error });
    throw error;
  }
}
