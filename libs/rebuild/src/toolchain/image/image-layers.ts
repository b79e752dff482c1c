import { sha256Hex } from '../../source/integrity.js';
import { readLinkedTar, type TarEntry, type TarLink } from '../../source/tar.js';
import { RebuildError } from '../../errors.js';
import { DEB_LIMITS } from '../debian/deb.js';
import { decompress } from '../debian/decompress.js';
import { malformed, readImageArchive } from './image-archive.js';
import { openImage } from './image-store.js';

export interface ImageLayer {
  readonly entries: (TarEntry | TarLink)[];
  /** For messages. */
  readonly label: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * The layers of an imported image, lowest first. The manifest is the one of that digest, every
 * layer is what manifest and configuration say, and the image is for this kind of machine.
 *
 * @throws RebuildError `toolchain-image-unavailable`, `image-malformed`, `toolchain-tools`
 */
export async function* imageLayers(
  digest: string,
  folder: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageLayer> {
  const file = await openImage(digest, folder);
  try {
    const archive = await readImageArchive(file);
    const manifest = archive.manifests.get(digest);
    if (manifest === undefined) throw malformed(`it has no manifest ${digest}`);
    const config = await archive.config(manifest);
    if (config.os !== 'linux' || config.architecture !== ARCHITECTURES[process.arch])
      throw malformed(`it is for ${config.os} ${config.architecture}, not for this machine`);
    if (config.rootfs.diff_ids.length !== manifest.layers.length)
      throw malformed('its configuration lists another number of layers');
    for (const [index, layer] of manifest.layers.entries()) {
      signal?.throwIfAborted();
      const packed = await archive.blob(layer.digest);
      const limit = DEB_LIMITS.totalBytes + DEB_LIMITS.entries * 1024;
      const tar = await decompress(packed, suffixOf(layer.mediaType), limit, signal);
      if (`sha256:${sha256Hex(tar)}` !== config.rootfs.diff_ids[index])
        throw malformed(`layer ${index} is not what its configuration says`);
      yield { entries: readLayer(tar), label: `layer ${index} of ${digest}` };
    }
  } finally {
    await file.close();
  }
}

function suffixOf(mediaType: string): string {
  if (/[.+]gzip$/.test(mediaType)) return 'gz';
  if (/[.+]zstd$/.test(mediaType)) return 'zst';
  if (/[.+]?tar$/.test(mediaType)) return '';
  throw malformed(`layers of type ${mediaType.slice(0, 100)} are not known`);
}

function readLayer(tar: Uint8Array): (TarEntry | TarLink)[] {
  try {
    return readLinkedTar(tar, DEB_LIMITS);
  } catch (error) {
    if (!(error instanceof RebuildError)) throw error;
    throw malformed(error.message);
  }
}
