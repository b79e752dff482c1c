import { mkdir, open, readFile, readdir, rename, rm, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkFolder, checkPath } from './storage.js';
import type { StoredFile, TileStorage } from './storage.js';

const TEMPORARY = '.tmp';
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** libuv runs four file operations at once; more would only hold memory and descriptors. */
const PARALLEL_FILES = 8;
const KNOWN_FOLDERS = 4096;

/**
 * A log in a folder of a local file system.
 *
 * Durability of one `writeAll`, in this order:
 *   1. every file is written under `.tmp/` and fdatasync'ed (content and size on disk),
 *   2. every file is renamed to its path (atomic: a reader sees the old or the new file),
 *   3. every folder that gained a name is fsync'ed, new folders' parents included.
 * A crash before 3 leaves whole files or none, never torn ones. Whatever lies in `.tmp/` at the
 * first write is from a process that died and is removed: who writes must hold the folder's lock.
 */
export class PosixStorage implements TileStorage {
  readonly #root: string;
  readonly #temporary: string;
  readonly #folders = new Set<string>();
  #prepared: Promise<void> | undefined;
  #chmod = false;
  #counter = 0;

  constructor(dir: string) {
    this.#root = resolve(dir);
    this.#temporary = join(this.#root, TEMPORARY);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    try {
      return await readFile(join(this.#root, path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.writeAll([{ path, bytes }]);
  }

  async writeAll(files: readonly StoredFile[]): Promise<void> {
    for (const { path } of files) checkPath(path);
    await this.#prepare();
    const staged: string[] = files.map(() => join(this.#temporary, String(this.#counter++)));
    try {
      const changed = new Set(files.map(({ path }) => dirname(path)));
      for (const folder of [...changed]) await this.#makeFolder(folder, changed);
      await inParallel(files, (file, at) => this.#stage(staged[at]!, file.bytes));
      await inParallel(files, (file, at) => rename(staged[at]!, join(this.#root, file.path)));
      await inParallel([...changed], (folder) => syncFolder(join(this.#root, folder)));
    } catch (error) {
      // Folders made just now may not be durable, and any may be gone.
      this.#folders.clear();
      await Promise.allSettled(staged.map((path) => unlink(path)));
      throw error;
    }
  }

  async list(folder: string): Promise<string[]> {
    checkFolder(folder);
    try {
      return await readdir(join(this.#root, folder));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) checkPath(path);
    const changed = new Set<string>();
    await inParallel(paths, async (path) => {
      try {
        await unlink(join(this.#root, path));
        changed.add(dirname(path));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
    await inParallel([...changed], (folder) => syncFolder(join(this.#root, folder)));
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#clean().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  /** Also finds out whether the umask takes bits away that tiles need to be readable by others. */
  async #clean(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: FOLDER_MODE });
    await rm(this.#temporary, { recursive: true, force: true });
    await mkdir(this.#temporary, { mode: FOLDER_MODE });
    const probe = join(this.#temporary, 'probe');
    const handle = await open(probe, 'wx', FILE_MODE);
    try {
      this.#chmod = ((await handle.stat()).mode & 0o777) !== FILE_MODE;
    } finally {
      await handle.close();
    }
    await unlink(probe);
    await syncFolder(this.#root);
  }

  async #stage(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await open(path, 'wx', FILE_MODE);
    try {
      await writeFully(handle, bytes);
      if (this.#chmod) await handle.chmod(FILE_MODE);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  /** Makes a folder and its parents; those that gained a name are added to `changed`. */
  async #makeFolder(folder: string, changed: Set<string>): Promise<void> {
    if (folder === '.' || this.#folders.has(folder)) return;
    const parent = dirname(folder);
    await this.#makeFolder(parent, changed);
    try {
      await mkdir(join(this.#root, folder), { mode: FOLDER_MODE });
      if (this.#chmod) await chmodFolder(join(this.#root, folder));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    // Also when it was there already: the process that made it may have died before its fsync.
    changed.add(parent);
    if (this.#folders.size >= KNOWN_FOLDERS) this.#folders.clear();
    this.#folders.add(folder);
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, at);
    at += bytesWritten;
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function chmodFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.chmod(FOLDER_MODE);
  } finally {
    await handle.close();
  }
}

/** Runs `work` on all items, some at a time. After a failure it starts no more, waits, throws. */
async function inParallel<T>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      try {
        await work(items[at]!, at);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const lanes = Array.from({ length: Math.min(PARALLEL_FILES, items.length) }, lane);
  const failed = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected');
  if (failed) throw failed.reason;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || hasCode(error, 'EISDIR');
}
