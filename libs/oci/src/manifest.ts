import { createHash } from 'node:crypto';
import { z } from 'zod';
import { OciError } from './errors.js';

/** OCI image specification 1.1: image manifests and indexes, bounded. Unknown fields are kept. */

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
/** Its two bytes `{}` stand where a manifest must name a configuration and has none. */
export const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
export const EMPTY_BYTES: Uint8Array = Uint8Array.of(0x7b, 0x7d);
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const MediaType = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/);
const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256:<hex>');
const Annotations = z
  .record(z.string().max(1024), z.string().max(64 * 1024))
  .refine((annotations) => Object.keys(annotations).length <= 256, 'must be at most 256');

export const Descriptor = z.looseObject({
  mediaType: MediaType,
  digest: Digest,
  size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  annotations: Annotations.exactOptional(),
  artifactType: MediaType.exactOptional(),
});

export const ImageManifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: MediaType.exactOptional(),
  artifactType: z.union([MediaType, z.literal('')]).exactOptional(),
  config: Descriptor,
  layers: z.array(Descriptor).max(4096),
  subject: Descriptor.exactOptional(),
  annotations: Annotations.exactOptional(),
});

export const ImageIndex = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: MediaType.exactOptional(),
  manifests: z.array(Descriptor).max(4096),
  subject: Descriptor.exactOptional(),
  annotations: Annotations.exactOptional(),
});

export type Descriptor = z.infer<typeof Descriptor>;
export type ImageManifest = z.infer<typeof ImageManifest>;
export type ImageIndex = z.infer<typeof ImageIndex>;

/** A manifest with its bytes, which are what its digest is of. */
export interface Manifest {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
  readonly content:
    | { readonly kind: 'image'; readonly image: ImageManifest }
    | { readonly kind: 'index'; readonly index: ImageIndex };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function descriptorOf(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/**
 * Reads a manifest or an index. What it is follows from its own fields: a document that could be
 * both, or whose media type says otherwise, is refused (OCI security advisory GHSA-mc8v-mgrf-8f4m).
 *
 * @param mediaType what the registry, or the descriptor that leads here, says that it is
 * @throws OciError `manifest-malformed`, `too-large`
 */
export function readManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new OciError('too-large', `the manifest has ${bytes.length} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new OciError('manifest-malformed', 'the manifest is not JSON', { cause: error });
  }
  if (typeof document !== 'object' || document === null)
    throw new OciError('manifest-malformed', 'the manifest is no object');
  const isIndex = 'manifests' in document;
  if (isIndex && ('layers' in document || 'config' in document))
    throw new OciError('manifest-malformed', 'the document is a manifest and an index at once');
  const parsed = (isIndex ? ImageIndex : ImageManifest).safeParse(document);
  if (!parsed.success)
    throw new OciError('manifest-malformed', `the manifest: ${z.prettifyError(parsed.error)}`);
  const own = parsed.data.mediaType;
  const said = mediaType?.split(';')[0]?.trim();
  const type = own ?? said ?? (isIndex ? INDEX_TYPE : MANIFEST_TYPE);
  const known = /^application\/vnd\.(?:oci\.image|docker\.distribution)\./.test(said ?? '');
  if ((own !== undefined && known && said !== own) || isIndexType(type) !== isIndex)
    throw new OciError(
      'manifest-malformed',
      `the document calls itself ${JSON.stringify(own)} and was given out as ${JSON.stringify(said)}`,
    );
  return {
    bytes,
    descriptor: { mediaType: type, digest: digestOf(bytes), size: bytes.length },
    content: isIndex
      ? { kind: 'index', index: parsed.data as ImageIndex }
      : { kind: 'image', image: parsed.data as ImageManifest },
  };
}

function isIndexType(type: string): boolean {
  return /\.image\.index\.|manifest\.list\./.test(type);
}

/** The bytes of a manifest of ours: JSON without white space, its members in this order. */
export function encodeManifest(manifest: ImageManifest | ImageIndex): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(manifest));
}
