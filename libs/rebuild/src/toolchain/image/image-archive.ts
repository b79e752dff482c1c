import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { RebuildError } from '../../errors.js';
import { sha256Hex } from '../../source/integrity.js';

/**
 * Reads OCI archives: a tar file of an image layout (OCI image specification 1.1,
 * image-layout.md), as `skopeo copy docker://… oci-archive:FILE` and newer `docker save` write it.
 * The archive stays on the disk; one blob at a time is read and checked against its digest.
 */

const BLOCK = 512;
const MAX_ENTRIES = 4096;
const MAX_DOCUMENT = 4 * 1024 * 1024;
const MAX_LAYERS = 128;
const MAX_DEPTH = 4;

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const Descriptor = z.looseObject({
  mediaType: z.string(),
  digest: Digest,
  size: z.number().int().nonnegative(),
  platform: z.looseObject({ architecture: z.string(), os: z.string() }).optional(),
});
const Index = z.looseObject({ manifests: z.array(Descriptor).max(64) });
const Manifest = z.looseObject({
  config: Descriptor,
  layers: z.array(Descriptor).min(1).max(MAX_LAYERS),
});
const Config = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  rootfs: z.looseObject({ diff_ids: z.array(Digest).max(MAX_LAYERS) }),
});

export type ImageManifest = z.infer<typeof Manifest>;
export type ImageConfig = z.infer<typeof Config>;

export interface ImageArchive {
  /** By the manifest's digest. */
  readonly manifests: ReadonlyMap<string, ImageManifest>;
  config(manifest: ImageManifest): Promise<ImageConfig>;
  /** A blob's bytes, checked. @throws RebuildError `image-malformed` */
  blob(digest: string): Promise<Uint8Array>;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** @throws RebuildError `image-malformed` */
export async function readImageArchive(file: FileHandle): Promise<ImageArchive> {
  const places = await readPlaces(file);
  const read = async (place: Place, limit: number): Promise<Buffer> => {
    if (place.size > limit) throw malformed(`a file of ${place.size} bytes is too large`);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(place.size),
      0,
      place.size,
      place.offset,
    );
    if (bytesRead !== place.size) throw malformed('it is cut off');
    return buffer;
  };
  const blob = async (digest: string, limit = 2 ** 31 - 1): Promise<Uint8Array> => {
    const place = places.get(`blobs/sha256/${digest.slice(7)}`);
    if (place === undefined) throw malformed(`it lacks the blob ${digest}`);
    const bytes = await read(place, limit);
    if (`sha256:${sha256Hex(bytes)}` !== digest) throw malformed(`the blob ${digest} was changed`);
    return bytes;
  };
  const document = async <T>(digest: string, schema: z.ZodType<T>): Promise<T> =>
    parseDocument(await blob(digest, MAX_DOCUMENT), schema);
  const index = places.get('index.json');
  if (index === undefined)
    throw malformed('it has no index.json; write it as an OCI archive (skopeo, oci-archive:)');
  const manifests = new Map<string, ImageManifest>();
  const visit = async (descriptors: z.infer<typeof Index>, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw malformed('its indexes are nested too deep');
    for (const { mediaType, digest } of descriptors.manifests) {
      // An archive for one platform names the others without bringing them.
      if (!places.has(`blobs/sha256/${digest.slice(7)}`)) continue;
      if (/index|manifest\.list/.test(mediaType))
        await visit(await document(digest, Index), depth + 1);
      else manifests.set(digest, await document(digest, Manifest));
    }
  };
  await visit(parseDocument(await read(index, MAX_DOCUMENT), Index), 0);
  return {
    manifests,
    config: (manifest) => document(manifest.config.digest, Config),
    blob: (digest) => blob(digest),
  };
}

/** Names and places of the regular files in a tar archive; what else it holds does not count. */
async function readPlaces(file: FileHandle): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  const { size: end } = await file.stat();
  const header = Buffer.alloc(BLOCK);
  let count = 0;
  for (let offset = 0; offset + BLOCK <= end;) {
    await file.read(header, 0, BLOCK, offset);
    if (header.every((byte) => byte === 0)) break;
    if ((count += 1) > MAX_ENTRIES) throw malformed(`it has over ${MAX_ENTRIES} entries`);
    const size = Number.parseInt(text(header, 124, 12).trim() || '0', 8);
    const name = text(header, 0, 100).replace(/^(?:\.\/)+/, '');
    offset += BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || offset + size > end)
      throw malformed('it is no tar archive, or cut off');
    const type = text(header, 156, 1);
    if (type === '0' || type === '') places.set(name, { offset, size });
    offset += Math.ceil(size / BLOCK) * BLOCK;
  }
  return places;
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const nul = field.indexOf(0);
  return field.toString('latin1', 0, nul < 0 ? length : nul);
}

function parseDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw malformed(error instanceof Error ? error.message.slice(0, 300) : 'a document is none');
  }
}

export function malformed(what: string): RebuildError {
  return new RebuildError('image-malformed', `the image archive is not usable: ${what}`);
}
