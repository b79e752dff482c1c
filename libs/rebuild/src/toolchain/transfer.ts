import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RebuildError } from '../errors.js';
import type { BlobStore } from '../source/blob-store.js';
import { integrityOf, sha256Hex } from '../source/integrity.js';
import { MAX_TARBALL_BYTES, type NpmSource } from '../source/npm-source.js';
import { DebianSource, fileLabel } from './debian/debian-source.js';
import { findImage, importImage } from './image/image-store.js';
import { addToolchainLock, formatToolchainLock } from './lock-folders.js';
import { once, PinnedFiles } from './pinned-files.js';
import type { AssembleOptions } from './root-inputs.js';
import { findToolchain } from './toolchain.js';
import { parseToolchainLock, type ToolchainLock } from './toolchain-lock.js';

/** What {@link exportToolchain} calls the list of a root's entries. */
export const TREE_FILE = 'tree';

export interface ExportedToolchain {
  readonly files: number;
  readonly bytes: number;
  /** Tree digest, when the root was built here. */
  readonly digest: string | undefined;
}

/**
 * Packs a lock and every file that it pins, for this kind of machine or for all, into a folder
 * that {@link importToolchains} takes on a machine without a network. Files are fetched when they
 * are not in the cache. When the root is built, its entries lie beside, to compare with.
 *
 * @throws RebuildError of the fetches
 */
export async function exportToolchain(
  lock: ToolchainLock,
  folder: string,
  source: NpmSource,
  cache: string,
  options: AssembleOptions & { readonly allArchitectures?: boolean } = {},
): Promise<ExportedToolchain> {
  const files = join(folder, 'files');
  await mkdir(files, { recursive: true });
  const wanted = (architecture: string): boolean =>
    options.allArchitectures === true || architecture === process.arch;
  let [count, bytes] = [0, 0];
  const keep = async (name: string, data: Uint8Array): Promise<void> => {
    await writeFile(join(files, name), data);
    count += 1;
    bytes += data.length;
  };
  const runtimes = Object.entries(lock.runtime?.architectures ?? {})
    .filter(([architecture]) => wanted(architecture))
    .map(([, runtime]) => runtime.package);
  for (const pin of [...runtimes, ...lock.packages])
    await keep(
      `${pin.name.replace('@', '').replace('/', '-')}-${pin.version}.tgz`,
      await source.tarball(pin, options.signal),
    );
  const debian = options.debian ?? new DebianSource(cache);
  for (const [architecture, pins] of Object.entries(lock.debian?.architectures ?? {}))
    if (wanted(architecture))
      for (const pin of pins)
        await keep(fileLabel(pin), await debian.package(pin, lock.debian?.date, options.signal));
  for (const [architecture, image] of Object.entries(lock.image?.architectures ?? {})) {
    if (!wanted(architecture)) continue;
    const path = await findImage(image.digest, options.images);
    await copyFile(path, join(files, basename(path)));
    count += 1;
    bytes += (await stat(path)).size;
  }
  await writeFile(join(folder, `${lock.name}-${lock.version}.json`), formatToolchainLock(lock));
  const built = await findToolchain(lock, cache);
  if (built !== undefined) await copyFile(`${built.root}.json`, join(folder, TREE_FILE));
  return { files: count, bytes, digest: built?.digest };
}

export interface ImportedToolchains {
  readonly locks: readonly ToolchainLock[];
  /** Of packages and images. */
  readonly files: number;
}

/**
 * Takes what a folder holds, and its folder `files`: locks (`.json`) into the operator's folder,
 * packages (`.deb`, `.tgz`) and images (`.tar`) into the cache. Each is filed under its own digest,
 * so a file that no lock pins is never used, and one that was changed is missing.
 *
 * @throws RebuildError `toolchain-lock`, `image-malformed`
 */
export async function importToolchains(
  folder: string,
  places: {
    readonly cache: string;
    readonly locks: string;
    readonly images: string;
    readonly blobs: BlobStore;
  },
): Promise<ImportedToolchains> {
  const pinned = new PinnedFiles(places.cache);
  const locks: ToolchainLock[] = [];
  let files = 0;
  for (const path of await filesIn(folder)) {
    const name = basename(path);
    if (name.endsWith('.json')) {
      const lock = parseToolchainLock(await readFile(path, 'utf8'), name);
      await addToolchainLock(lock, places.locks);
      locks.push(lock);
    } else if (name.endsWith('.deb')) {
      const bytes = await readFile(path);
      const pin = { sha256: sha256Hex(bytes), maxBytes: bytes.length, label: name };
      await pinned.store(pin, once(bytes));
      files += 1;
    } else if (name.endsWith('.tgz')) {
      const bytes = await readFile(path);
      await places.blobs.write(integrityOf(bytes), once(bytes), MAX_TARBALL_BYTES);
      files += 1;
    } else if (name.endsWith('.tar')) {
      await importImage(path, places.images);
      files += 1;
    }
  }
  if (locks.length + files === 0)
    throw new RebuildError(
      'toolchain-lock',
      `${folder} holds neither a lock (.json) nor packages (.deb, .tgz) nor images (.tar)`,
    );
  return { locks, files };
}

async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const place of [folder, join(folder, 'files')])
    for (const entry of await readdir(place, { withFileTypes: true }).catch(() => []))
      if (entry.isFile()) found.push(join(place, entry.name));
  return found.sort();
}
