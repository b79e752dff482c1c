import { spawn } from 'node:child_process';
import { mkdir, open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TlogError, reason } from './error.js';

/** A lock on a log's folder that the kernel holds for this process and drops when it dies. */
export interface Lock {
  /**
   * Throws `lock-lost` when the folder at the path is no longer the one that was locked, and as
   * stat(2) does when that cannot be told.
   */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the one write lock of a folder, making the folder when it is missing.
 *
 * Node cannot call flock(2), but flock(1) can lock a descriptor that it inherits: the lock then
 * belongs to the open file description, which this process shares, so it outlives that child and
 * falls exactly when this process closes the folder or dies, kill -9 included. It is the folder
 * itself that is locked: a lock file could be deleted under its holder and locked anew.
 *
 * Throws `folder-locked` when another holder is alive, `lock-unavailable` when there is no
 * flock(1) or the file system has no such locks.
 */
export async function lockFolder(dir: string): Promise<Lock> {
  const path = resolve(dir);
  await mkdir(path, { recursive: true, mode: 0o755 });
  const handle = await open(path, 'r');
  try {
    await flock(path, handle.fd);
    const held = await handle.stat({ bigint: true });
    return new FolderLock(path, handle, held.dev, held.ino);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FolderLock implements Lock {
  readonly #path: string;
  readonly #dev: bigint;
  readonly #ino: bigint;
  #handle: FileHandle | undefined;

  constructor(path: string, handle: FileHandle, dev: bigint, ino: bigint) {
    this.#path = path;
    this.#handle = handle;
    this.#dev = dev;
    this.#ino = ino;
  }

  async assertHeld(): Promise<void> {
    if (!this.#handle) throw new TlogError('lock-lost', `${this.#path}: the lock was released`);
    // That the disk does not answer right now says nothing about whose the folder is.
    const now = await stat(this.#path, { bigint: true }).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (now?.dev !== this.#dev || now.ino !== this.#ino) {
      throw new TlogError(
        'lock-lost',
        `${this.#path} is no longer the folder that was locked; stop whatever moves it`,
      );
    }
  }

  async release(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

/** Descriptor 3 of the child is the folder. Exit 1 means that somebody else holds the lock. */
function flock(path: string, fd: number): Promise<void> {
  return new Promise((done, fail) => {
    const unavailable = (why: string, cause?: unknown): void => {
      fail(
        new TlogError(
          'lock-unavailable',
          `${path} could not be locked: ${why}. flock(1) of util-linux or busybox is needed, and a local file system`,
          { cause },
        ),
      );
    };
    const child = spawn('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
    const said: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    child.on('error', (error) => unavailable(reason(error), error));
    child.on('close', (code, signal) => {
      if (code === 0) done();
      else if (code === 1) {
        fail(
          new TlogError(
            'folder-locked',
            `${path} is locked by another process; one alone may write there, stop that one first`,
          ),
        );
      } else
        unavailable(Buffer.concat(said).toString().trim() || `flock ended with ${code ?? signal}`);
    });
  });
}
