import { open, readFile, rename, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TlogError } from '../error.js';

/** Where a witness keeps the last checkpoint it cosigned of each log, by the origin's hash. */
export interface WitnessStorage {
  /** The note, or undefined when none was cosigned. */
  read(originHash: string): Promise<Uint8Array | undefined>;
  /** Atomic, and durable when it resolves. Never called twice at a time for one log. */
  write(originHash: string, note: Uint8Array): Promise<void>;
}

const ORIGIN_HASH = /^[0-9a-f]{64}$/;
const MAX_BYTES = 1_048_576;
const FILE_MODE = 0o644;

/**
 * A file for each log in a folder that exists, named by the SHA-256 of the log's origin.
 *
 * Order of a write: the note in a temporary file, fsync, rename over the old one, fsync of the
 * folder. A crash leaves the old note or the new one, and a temporary file that the next write of
 * the same log replaces.
 */
export class PosixWitnessStorage implements WitnessStorage {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = resolve(dir);
  }

  async read(originHash: string): Promise<Uint8Array | undefined> {
    const path = this.#path(originHash);
    try {
      const { size } = await stat(path);
      if (size > MAX_BYTES) throw new TlogError('witness-state', `${path} has ${size} bytes`);
      return new Uint8Array(await readFile(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(originHash: string, note: Uint8Array): Promise<void> {
    const path = this.#path(originHash);
    const temporary = `${path}.tmp`;
    const file = await open(temporary, 'w', FILE_MODE);
    try {
      await file.writeFile(note);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const folder = await open(this.#dir, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #path(originHash: string): string {
    if (!ORIGIN_HASH.test(originHash)) {
      throw new TlogError('path-invalid', `"${originHash}" is not the SHA-256 of an origin in hex`);
    }
    return join(this.#dir, originHash);
  }
}
