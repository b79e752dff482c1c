import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError, systemCode } from '../errors.js';
import { integrityAlgorithm, integrityHex, integrityOf } from './integrity.js';

/**
 * Fetched files by their SHA-512, or by their SHA-256 where that is what is pinned. A blob is written beside its place and renamed, so that a file
 * that bears a digest's name is whole unless the disk damaged it; it is hashed again at each read,
 * and a damaged one counts as absent.
 */
export class BlobStore {
  readonly #folder: string;

  /** @param folder made when first needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  #path(integrity: string): string {
    return join(this.#folder, integrityAlgorithm(integrity), integrityHex(integrity));
  }

  async read(integrity: string): Promise<Uint8Array | undefined> {
    const path = this.#path(integrity);
    try {
      const bytes = await readFile(path);
      if (integrityOf(bytes, integrityAlgorithm(integrity)) === integrity) return bytes;
      await rm(path, { force: true });
      return undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * Stores what `chunks` yields when it has the digest that was asked for.
   * @throws RebuildError `integrity-mismatch`, `too-large`; the store is then as it was
   */
  async write(
    integrity: string,
    chunks: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<void> {
    const path = this.#path(integrity);
    const algorithm = integrityAlgorithm(integrity);
    await mkdir(join(this.#folder, algorithm), { recursive: true });
    const temporary = join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`);
    const file = await open(temporary, 'wx', 0o600);
    try {
      const hash = createHash(algorithm);
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > maxBytes)
          throw new RebuildError('too-large', `the file is larger than ${maxBytes} bytes`);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      const found = `${algorithm}-${hash.digest('base64')}`;
      if (found !== integrity)
        throw new RebuildError(
          'integrity-mismatch',
          `the fetched file has integrity ${found}, but ${integrity} is pinned: do not use it`,
        );
      await file.close();
      await rename(temporary, path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
