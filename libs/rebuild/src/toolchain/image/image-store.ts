import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError, systemCode } from '../../errors.js';
import { malformed, readImageArchive } from './image-archive.js';

/**
 * Images that the operator imported, as OCI archives named by the digest of a manifest:
 * `<images>/sha256-<hex>.tar`.
 */

/** @throws RebuildError `toolchain-image-unavailable` */
export async function findImage(digest: string, folder: string | undefined): Promise<string> {
  const path = join(folder ?? '', `${digest.replace(':', '-')}.tar`);
  if (folder !== undefined && (await isFile(path))) return path;
  throw new RebuildError(
    'toolchain-image-unavailable',
    `the image ${digest} is not here: fetch it by that digest as an OCI archive and give it to \`touchstone toolchain import\``,
  );
}

/**
 * Files an OCI archive under the digests of the manifests it holds.
 * @throws RebuildError `image-malformed`
 */
export async function importImage(path: string, folder: string): Promise<readonly string[]> {
  const file = await open(path, 'r');
  let digests: readonly string[];
  try {
    digests = [...(await readImageArchive(file)).manifests.keys()];
  } finally {
    await file.close();
  }
  if (digests.length === 0) throw malformed('it holds no image');
  await mkdir(folder, { recursive: true });
  for (const digest of digests) {
    const temporary = join(folder, `${randomBytes(8).toString('hex')}.tmp`);
    try {
      await copyFile(path, temporary);
      await rename(temporary, join(folder, `${digest.replace(':', '-')}.tar`));
    } finally {
      await rm(temporary, { force: true });
    }
  }
  return digests;
}

/** Opens an imported image. @throws RebuildError `toolchain-image-unavailable` */
export async function openImage(digest: string, folder: string | undefined): Promise<FileHandle> {
  return open(await findImage(digest, folder), 'r');
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
