import { constants } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RebuildError } from '../../errors.js';
import type { TarItem } from './tar-stream.js';
import { TarReader, type TarHeader } from './tar-reader.js';

/** A workspace on its way into a container and back out of it. */

export interface ArchiveLimits {
  readonly bytes: number;
  readonly entries: number;
  readonly depth: number;
}

export interface ArchiveUsage {
  /** As a file system in memory counts them: whole pages. */
  bytes: number;
  entries: number;
  largestFile: number;
  depth: number;
}

const PAGE = 4096;

/** Everything in a folder, the folder itself first, for an archive in which `owner` owns it all. */
export async function workspaceItems(root: string, owner: number): Promise<TarItem[]> {
  const items: TarItem[] = [{ path: '.', type: 'directory', mode: 0o700, owner, mtime: 0 }];
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const content = join(root, path);
      const stat = await lstat(content);
      const common = { path, mode: stat.mode & 0o777, owner, mtime: stat.mtimeMs / 1000 };
      if (stat.isDirectory()) {
        items.push({ ...common, type: 'directory' });
        await visit(path);
      } else if (stat.isSymbolicLink())
        items.push({ ...common, type: 'symlink', target: await readlink(content) });
      else if (stat.isFile()) items.push({ ...common, type: 'file', size: stat.size, content });
    }
  };
  await visit('');
  return items;
}

/**
 * Writes what a build left into the new folder `target`. Nothing is written through a link that the
 * build made; what is neither file, folder nor link becomes an empty folder, so that it stands in
 * the way as it did. Stops as soon as a limit is passed.
 *
 * @throws RebuildError `sandbox-unavailable` when the archive is none
 */
export async function unpackWorkspace(
  archive: AsyncIterable<Uint8Array>,
  target: string,
  limits: ArchiveLimits,
): Promise<ArchiveUsage> {
  const usage: ArchiveUsage = { bytes: 0, entries: 0, largestFile: 0, depth: 0 };
  const made = new Map<string, 'file' | 'directory' | 'symlink'>();
  const folders: { path: string; header: TarHeader }[] = [];
  const reader = new TarReader(archive);
  await mkdir(target, { mode: 0o700 });
  made.set('', 'directory');
  for (let header = await reader.next(); header !== undefined; header = await reader.next()) {
    const path = innerPath(header.path);
    if (path === '') continue;
    usage.entries += 1;
    usage.depth = Math.max(usage.depth, path.split('/').length);
    usage.bytes += Math.ceil(header.size / PAGE) * PAGE;
    usage.largestFile = Math.max(usage.largestFile, header.size);
    if (exceeds(usage, limits)) return usage;
    // A name that is not UTF-8 cannot be asked for by any recipe.
    if (path.includes('\ufffd')) continue;
    if (made.get(parentOf(path)) !== 'directory' || made.has(path))
      throw malformed(`${path} stands before its folder, or twice`);
    const place = join(target, path);
    made.set(path, await writeEntry(header, place, target, made, reader));
    if (made.get(path) === 'directory') folders.push({ path: place, header });
  }
  // Last and from within, since a folder's mode can forbid and its time would change.
  for (const { path, header } of folders.reverse()) {
    await chmod(path, (header.mode & 0o777) | 0o700);
    await utimes(path, header.mtime, header.mtime);
  }
  return usage;
}

async function writeEntry(
  header: TarHeader,
  place: string,
  target: string,
  made: ReadonlyMap<string, string>,
  reader: TarReader,
): Promise<'file' | 'directory' | 'symlink'> {
  switch (header.type) {
    case 'file': {
      const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
      const file = await open(place, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
      try {
        for await (const chunk of reader.content()) await file.write(chunk);
        await file.chmod((header.mode & 0o777) | 0o600);
        await file.utimes(header.mtime, header.mtime);
      } finally {
        await file.close();
      }
      return 'file';
    }
    case 'hardlink': {
      const original = innerPath(header.target);
      if (made.get(original) !== 'file') throw malformed(`${header.path} is linked to no file`);
      await link(join(target, original), place);
      return 'file';
    }
    case 'symlink':
      await symlink(header.target, place);
      return 'symlink';
    default:
      await mkdir(place, { mode: 0o700 });
      return 'directory';
  }
}

function exceeds(usage: ArchiveUsage, limits: ArchiveLimits): boolean {
  return usage.bytes > limits.bytes || usage.entries > limits.entries || usage.depth > limits.depth;
}

/** Below the folder that was asked for, whose own name comes first. */
function innerPath(name: string): string {
  const parts = name.replace(/\/$/, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw malformed(`the name ${JSON.stringify(name.slice(0, 200))} is refused`);
  return parts.slice(1).join('/');
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

function malformed(message: string): RebuildError {
  return new RebuildError('sandbox-unavailable', `the engine's archive is malformed: ${message}`);
}
