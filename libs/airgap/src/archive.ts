import { decodeUtf8, encodeUtf8 } from '@touchstone/note';
import { AirgapError } from './errors.js';

/**
 * The archive around a carry bundle: POSIX ustar, which every system unpacks, with names sorted and
 * everything in it fixed that is not name, size and content. A reader accepts exactly what the
 * writer writes: each header is made again and compared.
 */

const BLOCK = 512;
const MAX_SIZE = 8 ** 11 - 1;
const MAX_FILES = 1_048_576;

/** The header block of a regular file. Its content follows, then {@link archivePadding}. */
export function archiveHeader(name: string, size: number): Uint8Array {
  const bytes = encodeUtf8(name);
  if (bytes.length === 0 || bytes.length > 100 || !/^[A-Za-z0-9._/-]+$/.test(name)) {
    throw new AirgapError('plan', `${JSON.stringify(name)} is no name for a file of an archive`);
  }
  if (!Number.isSafeInteger(size) || size < 0 || size > MAX_SIZE) {
    throw new AirgapError('plan', `${name} is larger than the 8 GiB that ustar allows`);
  }
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => block.set(encodeUtf8(text), at);
  const octal = (value: number, digits: number): string =>
    `${value.toString(8).padStart(digits, '0')}\0`;
  put(0, name);
  put(100, octal(0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(0, 11));
  put(148, ' '.repeat(8));
  put(156, '0');
  put(257, 'ustar\x0000');
  put(329, octal(0, 7));
  put(337, octal(0, 7));
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** What fills the last block of a content. */
export function archivePadding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Two empty blocks. */
export const ARCHIVE_END: Uint8Array = new Uint8Array(2 * BLOCK);

export interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  /** To be read to its end before the next file is asked for; what is left is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The files of an archive as they stream by.
 *
 * @throws AirgapError `archive-malformed`, `bundle-truncated`
 */
export async function* readArchive(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ArchiveFile, void, undefined> {
  const input = new Input(chunks);
  let previous = '';
  for (let count = 0; ; count++) {
    const block = await input.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) break;
    const { name, size } = readHeader(block);
    if (count >= MAX_FILES || name <= previous) {
      throw new AirgapError('archive-malformed', `${name} stands out of order in the archive`);
    }
    previous = name;
    const content = input.take(size);
    yield { name, size, content };
    // The caller may have stopped early.
    while ((await content.next()).done !== true);
    requireZeros(await input.exactly(archivePadding(size).length));
  }
  requireZeros(await input.exactly(BLOCK));
  if (!(await input.atEnd())) {
    throw new AirgapError('archive-malformed', 'bytes follow the end of the archive');
  }
}

function readHeader(block: Uint8Array): { name: string; size: number } {
  let name: string;
  try {
    name = decodeUtf8(block.subarray(0, 100)).replace(/\0+$/, '');
  } catch (cause) {
    throw new AirgapError('archive-malformed', 'a name in the archive is no text', { cause });
  }
  const digits = String.fromCharCode(...block.subarray(124, 135));
  const size = /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : -1;
  let expected: Uint8Array | undefined;
  try {
    expected = size < 0 ? undefined : archiveHeader(name, size);
  } catch {
    expected = undefined;
  }
  if (expected?.every((byte, at) => byte === block[at]) !== true) {
    throw new AirgapError('archive-malformed', 'a header of the archive is not one of ours');
  }
  return { name, size };
}

function requireZeros(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) {
    throw new AirgapError('archive-malformed', 'the archive is not padded with zeros');
  }
}

/** Reads a stream by counted bytes. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async exactly(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    for await (const chunk of this.take(length)) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }

  async *take(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0;) {
      if (this.#held.length === 0 && !(await this.#more())) {
        throw new AirgapError('bundle-truncated', 'the archive ends too early; copy it again');
      }
      const chunk = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  async atEnd(): Promise<boolean> {
    return this.#held.length === 0 && !(await this.#more());
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#held = next.value;
      if (next.value.length > 0) return true;
    }
  }
}
