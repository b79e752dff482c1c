import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const FOLDER = 'attestations/sha256';
const TEMPORARY = 'attestations/tmp';
const HEX = /^[0-9a-f]{64}$/;

/** What became of an attestation that somebody relies on. */
export type Stored = 'intact' | 'missing' | 'damaged';

/**
 * Attestations beside the tiles, named by their content: `attestations/sha256/<xx>/<hex>`.
 *
 * Crash order of one write, each step durable before the next:
 *   1. the bytes, under a temporary name,
 *   2. the name, and the folders that lead to it,
 *   3. only then the entry that names them is appended.
 * A crash leaves an attestation that no entry names at worst, never the other way round.
 */
export class AttestationStore {
  readonly #root: string;
  readonly #folders = new Set<string>();
  #prepared: Promise<void> | undefined;

  constructor(tilesDir: string) {
    this.#root = tilesDir;
  }

  /** Keeps the bytes; resolves with the hex of their SHA-256 once they are durable. */
  async put(bytes: Uint8Array): Promise<string> {
    const digest = sha256Hex(bytes);
    if ((await this.check(digest)) === 'intact') return digest;
    await this.#prepare();
    const temporary = join(this.#root, TEMPORARY, randomUUID());
    try {
      const handle = await open(temporary, 'wx', 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      const path = this.#path(digest);
      await this.#makeFolder(dirname(path));
      await rename(temporary, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return digest;
  }

  /** The bytes as they are on disk; whether they are the right ones is the reader's to check. */
  async get(digest: string): Promise<Uint8Array | undefined> {
    if (!HEX.test(digest)) return undefined;
    try {
      return await readFile(this.#path(digest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Reads an attestation back. */
  async check(digest: string): Promise<Stored> {
    const bytes = await this.get(digest);
    if (!bytes) return 'missing';
    return sha256Hex(bytes) === digest ? 'intact' : 'damaged';
  }

  #path(digest: string): string {
    return join(this.#root, FOLDER, digest.slice(0, 2), digest);
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#clean().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  /** What lies under a temporary name is from a process that died: the folder's lock is held. */
  async #clean(): Promise<void> {
    const temporary = join(this.#root, TEMPORARY);
    await mkdir(temporary, { recursive: true });
    await mkdir(join(this.#root, FOLDER), { recursive: true });
    for (const name of await readdir(temporary)) await rm(join(temporary, name), { force: true });
    await syncFolder(join(this.#root, 'attestations'));
    await syncFolder(this.#root);
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    await syncFolder(dirname(folder));
    this.#folders.add(folder);
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
