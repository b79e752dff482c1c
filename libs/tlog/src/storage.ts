import { parseTilePath } from '@touchstone/merkle';
import { TlogError } from './error.js';

/** Path of the commit point. Not part of C2SP tlog-tiles and never served. */
export const STATE_PATH = 'state';
/** Path of the signed checkpoint (C2SP tlog-tiles). */
export const CHECKPOINT_PATH = 'checkpoint';

export interface StoredFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Where a log lives. Paths are those of C2SP tlog-tiles, `checkpoint` and `state`, with forward
 * slashes and no leading one. Two implementations: PosixStorage and the test kit's memory storage.
 */
export interface TileStorage {
  /** The whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Atomic, and durable when it resolves. Replaces what was there. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Each file atomic, all of them durable when it resolves; in no order among themselves. */
  writeAll?(files: readonly StoredFile[]): Promise<void>;
  /** Names of the files and folders directly in a folder; none when there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** Removes files, durably; one that is not there is no error. */
  remove(paths: readonly string[]): Promise<void>;
}

/** Writes files through `writeAll` where the storage has it, else one by one. */
export async function writeFiles(
  storage: TileStorage,
  files: readonly StoredFile[],
): Promise<void> {
  if (files.length === 0) return;
  if (storage.writeAll) return storage.writeAll(files);
  for (const { path, bytes } of files) await storage.write(path, bytes);
}

/** Throws `path-invalid` for anything that is not a path of a log. */
export function checkPath(path: string): void {
  if (path === STATE_PATH || path === CHECKPOINT_PATH) return;
  try {
    parseTilePath(path);
  } catch (cause) {
    throw new TlogError('path-invalid', `"${path}" is not a path of a log`, { cause });
  }
}

const FOLDER = /^tile\/(?:entries|[0-9]|[1-5][0-9]|6[0-3])(?:\/x[0-9]{3})*(?:\/[0-9]{3}\.p)?$/;

/** Throws `path-invalid` for anything that is not a folder of tiles. */
export function checkFolder(folder: string): void {
  if (!FOLDER.test(folder)) {
    throw new TlogError('path-invalid', `"${folder}" is not a folder of a log`);
  }
}
