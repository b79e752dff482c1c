import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError, systemCode } from '../errors.js';
import { download, type DownloadOptions } from '../source/download.js';
import { sha256Hex } from '../source/integrity.js';

export interface PinnedFile {
  /** Hex. */
  readonly sha256: string;
  /** In bytes; a longer answer is cut off. */
  readonly maxBytes: number;
  /** For messages: what is asked for. */
  readonly label: string;
}

/** Settings of the network, without the origins: those follow from the addresses. */
export type PinnedFilesOptions = Omit<DownloadOptions, 'origins' | 'signal'>;

/**
 * Files that are pinned by their SHA-256, kept in `<cache>/blobs/sha256/<hex>`. A file is written
 * beside its place and renamed; it is hashed again at each read, and a damaged one counts as absent.
 */
export class PinnedFiles {
  readonly #folder: string;
  readonly #options: PinnedFilesOptions;

  /** @param cache folder, made when first needed */
  constructor(cache: string, options: PinnedFilesOptions = {}) {
    this.#folder = join(cache, 'blobs', 'sha256');
    this.#options = options;
  }

  async read(sha256: string): Promise<Uint8Array | undefined> {
    const path = join(this.#folder, sha256);
    try {
      const bytes = await readFile(path);
      if (sha256Hex(bytes) === sha256) return bytes;
      await rm(path, { force: true });
      return undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** @throws RebuildError `integrity-mismatch`, `too-large` */
  async store(file: PinnedFile, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const temporary = join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`);
    const output = await open(temporary, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > file.maxBytes)
          throw new RebuildError('too-large', `${file.label} is over ${file.maxBytes} bytes`);
        hash.update(chunk);
        await output.writeFile(chunk);
      }
      const found = hash.digest('hex');
      if (found !== file.sha256)
        throw new RebuildError(
          'integrity-mismatch',
          `${file.label} has SHA-256 ${found}, but ${file.sha256} is pinned: do not use it`,
        );
      await output.close();
      await rename(temporary, join(this.#folder, file.sha256));
    } catch (error) {
      await output.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** What was remembered under a name that pins content in another way than SHA-256 does. */
  async recall(pin: string): Promise<Uint8Array | undefined> {
    const sha256 = await readFile(this.#pinFile(pin), 'utf8').catch(() => '');
    return /^[0-9a-f]{64}$/.test(sha256) ? this.read(sha256) : undefined;
  }

  /** Keeps bytes that were checked against `pin`. */
  async remember(pin: string, bytes: Uint8Array): Promise<void> {
    const sha256 = sha256Hex(bytes);
    await this.store({ sha256, maxBytes: bytes.length, label: pin }, once(bytes));
    const file = this.#pinFile(pin);
    await mkdir(join(file, '..'), { recursive: true });
    const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
    await writeFile(temporary, sha256, { flag: 'wx' });
    await rename(temporary, file);
  }

  #pinFile(pin: string): string {
    return join(this.#folder, '..', 'pins', sha256Hex(pin));
  }

  /**
   * The file, from the cache or else from the first of `urls` that has exactly these bytes. The
   * addresses are the operator's own, so their origins are what may be asked.
   *
   * @throws RebuildError of the last address that was tried; `source-not-found` without one
   */
  async fetch(
    file: PinnedFile,
    urls: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const cached = await this.read(file.sha256);
    if (cached !== undefined) return cached;
    let failure = new RebuildError('source-not-found', `${file.label} is not at hand`);
    for (const url of urls) {
      try {
        await download(
          url,
          {
            ...this.#options,
            origins: originsFor(url),
            ...(signal === undefined ? {} : { signal }),
          },
          (body) => this.store(file, body),
        );
        const fetched = await this.read(file.sha256);
        if (fetched !== undefined) return fetched;
      } catch (error) {
        if (!(error instanceof RebuildError) || error.code === 'aborted') throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

/** What a server sends on to over TLS is its own affair: the digest says what is right. */
function originsFor(url: string): ReadonlySet<string> {
  const { origin, hostname, protocol } = new URL(url);
  return protocol === 'http:' ? new Set([origin, `https://${hostname}`]) : new Set([origin]);
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
