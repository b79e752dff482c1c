import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError } from '../../errors.js';
import { sha256Hex } from '../../source/integrity.js';
import type { DebianPackage } from '../toolchain-lock.js';
import { once, PinnedFiles, type PinnedFilesOptions } from '../pinned-files.js';

export const DEBIAN_MIRROR = 'http://deb.debian.org/debian';

export interface DebianSourceOptions extends PinnedFilesOptions {
  /** Base URL of a mirror, above `pool/` and `dists/`; over plain HTTP too, since files are pinned. */
  readonly mirror?: string;
  /** Base URL of a snapshot archive, above its time stamps, e.g. `https://host/archive/debian`. */
  readonly snapshot?: string;
  /** Folders with .deb files, looked through by digest, whatever the files are called. */
  readonly folders?: readonly string[];
}

/**
 * The .deb files that locks pin: from the cache, folders of files, the mirror, a snapshot archive,
 * in this order. A mirror keeps only current versions, so a file can be gone; another version
 * never stands in for it.
 */
export class DebianSource {
  readonly #files: PinnedFiles;
  readonly #options: DebianSourceOptions;
  #known: Promise<ReadonlyMap<string, string>> | undefined;

  /** @param cache folder, made when first needed */
  constructor(cache: string, options: DebianSourceOptions = {}) {
    this.#files = new PinnedFiles(cache, options);
    this.#options = options;
  }

  /**
   * @param date of the index that the lock was made from, for the snapshot archive
   * @throws RebuildError `toolchain-file-unavailable`, `aborted`
   */
  async package(pin: DebianPackage, date?: string, signal?: AbortSignal): Promise<Uint8Array> {
    const cached = (await this.#files.read(pin.sha256)) ?? (await this.#fromFolders(pin));
    if (cached !== undefined) return cached;
    const urls = this.#urls(pin, date);
    try {
      return await this.#files.fetch(
        { sha256: pin.sha256, maxBytes: pin.size, label: fileLabel(pin) },
        urls,
        signal,
      );
    } catch (error) {
      if (!(error instanceof RebuildError) || error.code === 'aborted') throw error;
      throw new RebuildError(
        'toolchain-file-unavailable',
        `${fileLabel(pin)} (SHA-256 ${pin.sha256}) can be had from none of ${urls.join(', ')}: ${error.message}. ` +
          'A mirror keeps only current versions: import it with `touchstone toolchain import`, or name a snapshot archive',
        { cause: error },
      );
    }
  }

  /** Takes a file into the cache. @throws RebuildError `integrity-mismatch`, `too-large` */
  async store(pin: DebianPackage, bytes: Uint8Array): Promise<void> {
    await this.#files.store(
      { sha256: pin.sha256, maxBytes: pin.size, label: fileLabel(pin) },
      once(bytes),
    );
  }

  #urls(pin: DebianPackage, date: string | undefined): string[] {
    const path = pin.path.split('/').map(encodeSegment).join('/');
    const mirror = (this.#options.mirror ?? DEBIAN_MIRROR).replace(/\/+$/, '');
    const urls = [`${mirror}/${path}`];
    if (this.#options.snapshot !== undefined && date !== undefined) {
      const stamp = date.replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
      urls.push(`${this.#options.snapshot.replace(/\/+$/, '')}/${stamp}/${path}`);
    }
    return urls;
  }

  async #fromFolders(pin: DebianPackage): Promise<Uint8Array | undefined> {
    this.#known ??= digestsIn(this.#options.folders ?? []);
    const path = (await this.#known).get(pin.sha256);
    if (path === undefined) return undefined;
    const bytes = await readFile(path);
    return sha256Hex(bytes) === pin.sha256 ? bytes : undefined;
  }
}

export function fileLabel({ name, version, architecture }: DebianPackage): string {
  return `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`;
}

/** Paths of the .deb files in `folders`, by their digests. */
async function digestsIn(folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.deb'))) {
      const path = join(folder, name);
      if ((await stat(path)).isFile()) found.set(sha256Hex(await readFile(path)), path);
    }
  return found;
}

/** Mirrors spell `+` and `~` of file names as they are. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll('%2B', '+').replaceAll('%3A', ':');
}
