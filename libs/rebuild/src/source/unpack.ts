import { randomBytes } from 'node:crypto';
import { chmod, lutimes, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { RebuildError, systemCode } from '../errors.js';
import { linkTarget } from './names.js';
import { readLinkedTar, readTar, type TarEntry, type TarLimits, type TarLink } from './tar.js';

/** Time stamp of every unpacked file: 1980-01-01, the earliest that a zip archive can hold. */
export const SOURCE_DATE_EPOCH = 315_532_800;

export const DEFAULT_TAR_LIMITS: TarLimits = { entries: 20_000, totalBytes: 512 * 1024 * 1024 };

const inflate = promisify(gunzip);

/** What sources are made of: files, folders, and links that stay within the source. */
export type SourceEntry = TarEntry | (TarLink & { readonly type: 'symlink' });

/**
 * Entries of a gzipped tarball.
 * Inflation stops at the limit, so a bomb costs no more memory than an honest archive may.
 */
export async function readTarball(
  tarball: Uint8Array,
  limits: TarLimits = DEFAULT_TAR_LIMITS,
): Promise<TarEntry[]> {
  return readTar(await inflateTarball(tarball, limits), limits);
}

/**
 * Entries of a source archive, gzipped or not, whose symbolic links may lead about within it.
 * @throws RebuildError `tarball-type` for links out of it and for hard links, and as above
 */
export async function readLinkedTarball(
  tarball: Uint8Array,
  limits: TarLimits = DEFAULT_TAR_LIMITS,
): Promise<SourceEntry[]> {
  const gzip = tarball[0] === 0x1f && tarball[1] === 0x8b;
  const archive = gzip ? await inflateTarball(tarball, limits) : tarball;
  return readLinkedTar(archive, limits).map((entry) => {
    if ('data' in entry) return entry;
    if (entry.type === 'hardlink')
      throw new RebuildError('tarball-type', `${JSON.stringify(entry.path)} is a hard link`);
    const target = linkTarget(entry.path, entry.target, 'tarball');
    return { path: entry.path, type: 'symlink', target };
  });
}

/** @throws RebuildError `tarball-too-large`, `tarball-malformed` */
export async function inflateTarball(tarball: Uint8Array, limits: TarLimits): Promise<Buffer> {
  // Each entry costs up to three blocks beside its bytes: header, padding, extended header.
  const maxOutputLength = limits.totalBytes + limits.entries * 2048 + 1024;
  try {
    return await inflate(tarball, { maxOutputLength, chunkSize: 1 << 20 });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE')
      throw new RebuildError(
        'tarball-too-large',
        `the tarball inflates past ${maxOutputLength} bytes`,
      );
    throw new RebuildError('tarball-malformed', 'the tarball is not gzip data, or is cut off', {
      cause: error,
    });
  }
}

/** Writes entries below `folder`, which must exist and be empty. */
export async function writeEntries(entries: readonly SourceEntry[], folder: string): Promise<void> {
  const made = new Set<string>();
  const makeFolder = async (path: string): Promise<void> => {
    if (made.has(path)) return;
    made.add(path);
    await mkdir(path, { recursive: true, mode: 0o755 });
  };
  for (const entry of entries) {
    const path = join(folder, entry.path);
    if (entry.type === 'directory') {
      await makeFolder(path);
      continue;
    }
    await makeFolder(dirname(path));
    if (entry.type === 'symlink') {
      await symlink(entry.target, path);
      await lutimes(path, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
      continue;
    }
    const mode = entry.executable ? 0o755 : 0o644;
    // 'wx': nothing is ever overwritten or followed.
    await writeFile(path, entry.data, { flag: 'wx', mode });
    await chmod(path, mode);
    await lutimes(path, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
  }
}

/**
 * Unpacks a tarball as the new folder `target`: all of it or, when it is refused, nothing.
 * The parent of `target` must exist.
 */
export async function unpackTarball(
  tarball: Uint8Array,
  target: string,
  limits: TarLimits = DEFAULT_TAR_LIMITS,
): Promise<void> {
  await placeEntries(await readTarball(tarball, limits), target);
}

/** Writes entries as the new folder `target`: all of them, or nothing. Its parent must exist. */
export async function placeEntries(entries: readonly SourceEntry[], target: string): Promise<void> {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(temporary, { mode: 0o755 });
    await writeEntries(entries, temporary);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
