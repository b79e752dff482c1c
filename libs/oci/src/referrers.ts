import { OciError } from './errors.js';
import {
  descriptorOf,
  encodeManifest,
  INDEX_TYPE,
  readManifest,
  type Descriptor,
  type Manifest,
} from './manifest.js';

/** Distribution specification 1.1, "Referrers Tag Schema". */
export function fallbackTag(digest: string): string {
  return digest.replace(':', '-');
}

/** The manifests that an index lists. */
export function listed(manifest: Manifest): Descriptor[] {
  if (manifest.content.kind === 'index') return manifest.content.index.manifests;
  throw new OciError('manifest-malformed', 'the list of referrers is no index');
}

/** Registries may leave filtering to us. */
export function matching(descriptors: readonly Descriptor[], artifactType?: string): Descriptor[] {
  return descriptors.filter(
    (descriptor) => artifactType === undefined || descriptor.artifactType === artifactType,
  );
}

/** How a manifest is listed with its subject: with its artifact type and annotations. */
export function listing({ descriptor, content }: Manifest): Descriptor {
  const { artifactType, annotations, config } =
    content.kind === 'image'
      ? content.image
      : { artifactType: undefined, annotations: content.index.annotations, config: undefined };
  const type = artifactType === undefined || artifactType === '' ? config?.mediaType : artifactType;
  return {
    ...descriptor,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** The list with one manifest more. */
export function addToList(known: readonly Descriptor[], manifest: Manifest): Manifest {
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [...known, listing(manifest)],
  });
  return { ...readManifest(bytes), descriptor: descriptorOf(INDEX_TYPE, bytes) };
}
