import type { Descriptor, Manifest } from './manifest.js';

/** Where artifacts are kept: a repository of a registry, or an image layout in a folder. */
export interface ArtifactStore {
  /** For messages and for people. */
  readonly name: string;
  /** @param wanted a tag or `sha256:<hex>`. @throws OciError `not-found`, `digest-mismatch`, … */
  manifest(wanted: string, signal?: AbortSignal): Promise<Manifest>;
  /** The content of a descriptor, its digest and size checked. */
  blob(
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    limits: BlobLimits,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  /** Descriptors of the manifests whose subject is this one; those of one artifact type, if told. */
  referrers(digest: string, artifactType?: string, signal?: AbortSignal): Promise<Descriptor[]>;
  pushBlob(bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Keeps a manifest, under a tag too when one is given, and lists it with its subject. */
  pushManifest(manifest: Manifest, tag?: string, signal?: AbortSignal): Promise<void>;
}

export interface BlobLimits {
  readonly maxBytes: number;
}
