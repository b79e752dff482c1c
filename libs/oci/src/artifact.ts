import { OciError } from './errors.js';
import {
  descriptorOf,
  EMPTY_BYTES,
  EMPTY_TYPE,
  encodeManifest,
  MANIFEST_TYPE,
  readManifest,
  type Manifest,
} from './manifest.js';
import type { ArtifactStore } from './store.js';

/** The annotations by which an artifact names its source (image specification, "Annotations"). */
export const SOURCE_ANNOTATION = 'org.opencontainers.image.source';
export const REVISION_ANNOTATION = 'org.opencontainers.image.revision';

export interface NewArtifact {
  readonly artifactType: string;
  readonly layers: readonly {
    readonly mediaType: string;
    readonly bytes: Uint8Array;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The manifest that this one speaks of. */
  readonly subject?: Manifest;
}

/** Pushes an artifact that is no image: layers, the empty configuration, the manifest. */
export async function pushArtifact(
  store: ArtifactStore,
  artifact: NewArtifact,
  tag?: string,
  signal?: AbortSignal,
): Promise<Manifest> {
  const { artifactType, layers, annotations, subject } = artifact;
  await store.pushBlob(EMPTY_BYTES, signal);
  for (const { bytes } of layers) await store.pushBlob(bytes, signal);
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType,
    config: descriptorOf(EMPTY_TYPE, EMPTY_BYTES),
    layers: layers.map((layer) => ({
      ...descriptorOf(layer.mediaType, layer.bytes),
      ...(layer.annotations === undefined ? {} : { annotations: { ...layer.annotations } }),
    })),
    ...(subject === undefined ? {} : { subject: subject.descriptor }),
    ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
  });
  const manifest = readManifest(bytes);
  await store.pushManifest(manifest, tag, signal);
  return manifest;
}

/**
 * The manifests that speak of a subject, each read and seen to name it: a list may say anything.
 * @throws OciError `manifest-malformed` for one that names another subject
 */
export async function readReferrers(
  store: ArtifactStore,
  subject: string,
  artifactType?: string,
  signal?: AbortSignal,
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const { digest } of await store.referrers(subject, artifactType, signal)) {
    const manifest = await store.manifest(digest, signal);
    const { content } = manifest;
    if (content.kind !== 'image' || content.image.subject?.digest !== subject)
      throw new OciError(
        'manifest-malformed',
        `${store.name} lists ${digest} as a referrer of ${subject}, which it does not name`,
      );
    manifests.push(manifest);
  }
  return manifests;
}
