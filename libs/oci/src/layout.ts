import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { OciError } from './errors.js';
import {
  digestOf,
  encodeManifest,
  ImageIndex,
  INDEX_TYPE,
  MAX_MANIFEST_BYTES,
  readManifest,
  type Descriptor,
  type Manifest,
} from './manifest.js';
import { isDigest } from './reference.js';
import { listing, matching } from './referrers.js';
import type { ArtifactStore, BlobLimits } from './store.js';

const REF_NAME = 'org.opencontainers.image.ref.name';
const LayoutFile = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });

/**
 * An OCI image layout in a folder (image specification 1.1): what crosses an air gap, and what
 * `oras` and `skopeo` write. Its index is rewritten beside its place and renamed.
 */
export class Layout implements ArtifactStore {
  readonly name: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.name = `oci-layout:${folder}`;
  }

  /** @throws OciError `not-found`, `layout-malformed` */
  static async open(folder: string): Promise<Layout> {
    const layout = new Layout(folder);
    const file = await layout.#read('oci-layout', 4096);
    if (!LayoutFile.safeParse(parse(file)).success)
      throw new OciError('layout-malformed', `${folder}/oci-layout is none of version 1.0.0`);
    return layout;
  }

  /** Makes an empty layout; a folder that is one already is left as it is. */
  static async create(folder: string): Promise<Layout> {
    await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
    const layout = new Layout(folder);
    if (!(await isFile(join(folder, 'index.json')))) await layout.#writeIndex([]);
    if (!(await isFile(join(folder, 'oci-layout'))))
      await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return Layout.open(folder);
  }

  async manifest(wanted: string): Promise<Manifest> {
    const listed = await this.#index();
    const found = isDigest(wanted)
      ? (listed.find(({ digest }) => digest === wanted) ?? { digest: wanted, mediaType: undefined })
      : listed.find(({ annotations }) => annotations?.[REF_NAME] === wanted);
    if (found === undefined)
      throw new OciError('not-found', `${this.name} holds nothing called ${wanted}`);
    const bytes = await this.#blob(found.digest, MAX_MANIFEST_BYTES);
    return readManifest(bytes, found.mediaType);
  }

  async blob(
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    { maxBytes }: BlobLimits,
  ): Promise<Uint8Array> {
    const bytes = await this.#blob(digest, Math.min(size, maxBytes));
    if (bytes.length !== size)
      throw new OciError(
        'digest-mismatch',
        `blob ${digest} has ${bytes.length} bytes, not ${size}`,
      );
    return bytes;
  }

  /** A layout lists manifests and not their subjects, so each is looked into. */
  async referrers(digest: string, artifactType?: string): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    for (const { digest: own, mediaType } of await this.#index()) {
      const manifest = readManifest(await this.#blob(own, MAX_MANIFEST_BYTES), mediaType);
      if (manifest.content.kind === 'image' && manifest.content.image.subject?.digest === digest)
        found.push(listing(manifest));
    }
    return matching(found, artifactType);
  }

  async pushBlob(bytes: Uint8Array): Promise<void> {
    const path = this.#blobPath(digestOf(bytes));
    if (await isFile(path)) return;
    await writeAtomically(path, bytes);
  }

  async pushManifest(manifest: Manifest, tag?: string): Promise<void> {
    await this.pushBlob(manifest.bytes);
    const { descriptor } = manifest;
    const others = (await this.#index()).filter(
      ({ digest, annotations }) =>
        digest !== descriptor.digest && (tag === undefined || annotations?.[REF_NAME] !== tag),
    );
    await this.#writeIndex([
      ...others,
      tag === undefined ? descriptor : { ...descriptor, annotations: { [REF_NAME]: tag } },
    ]);
  }

  async #index(): Promise<Descriptor[]> {
    const parsed = ImageIndex.safeParse(parse(await this.#read('index.json', MAX_MANIFEST_BYTES)));
    if (!parsed.success)
      throw new OciError('layout-malformed', `index.json: ${z.prettifyError(parsed.error)}`);
    return parsed.data.manifests;
  }

  async #writeIndex(manifests: Descriptor[]): Promise<void> {
    const index = encodeManifest({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests });
    await writeAtomically(join(this.#folder, 'index.json'), index);
  }

  async #blob(digest: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await this.#read(`blobs/${digest.replace(':', '/')}`, maxBytes);
    if (digestOf(bytes) !== digest)
      throw new OciError('digest-mismatch', `${this.name} holds other bytes as blob ${digest}`);
    return bytes;
  }

  #blobPath(digest: string): string {
    return join(this.#folder, 'blobs', digest.replace(':', '/'));
  }

  async #read(path: string, maxBytes: number): Promise<Uint8Array> {
    const file = await open(join(this.#folder, path), 'r').catch((error: unknown) => {
      throw new OciError('not-found', `${this.name} has no ${path}`, { cause: error });
    });
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new OciError('layout-malformed', `${path} is no file`);
      if (found.size > maxBytes)
        throw new OciError('too-large', `${path} has ${found.size} bytes, more than ${maxBytes}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new OciError('layout-malformed', 'the layout holds JSON that is none', { cause: error });
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, bytes, { flag: 'wx' });
  await rename(temporary, path);
}
