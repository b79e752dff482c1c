import { RebuildError } from '../../errors.js';

/** Reads a tar archive as it arrives, so that a large one takes no more memory than a small one. */

const BLOCK = 512;
const MAX_HEADER_BYTES = 64 * 1024;

export interface TarHeader {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Of the content that follows; 0 unless it is a file. */
  readonly size: number;
  readonly mode: number;
  /** Seconds. */
  readonly mtime: number;
  /** Of a link. */
  readonly target: string;
}

const TYPES: Readonly<Record<string, TarHeader['type']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

export class TarReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #waiting: Buffer = Buffer.alloc(0);
  /** Of the current entry: content that was not read, and the padding behind it. */
  #left = 0;
  #padding = 0;

  constructor(archive: AsyncIterable<Uint8Array>) {
    this.#chunks = archive[Symbol.asyncIterator]();
  }

  /** The next entry, or undefined at the end. What was not read of the last one is skipped. */
  async next(): Promise<TarHeader | undefined> {
    await this.#skip();
    let overrides: Partial<Record<'path' | 'target', string>> & { size?: number } = {};
    for (;;) {
      const block = await this.#take(BLOCK);
      if (block === undefined || block.every((byte) => byte === 0)) return undefined;
      checkSum(block);
      const type = String.fromCharCode(block[156] ?? 0);
      const size = overrides.size ?? octal(block, 124, 12);
      if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
        if (size > MAX_HEADER_BYTES) throw malformed('a header is longer than 64 KiB');
        const data = await this.#take(Math.ceil(size / BLOCK) * BLOCK);
        if (data === undefined) throw malformed('it is cut off');
        const record = data.subarray(0, size);
        if (type === 'x') overrides = { ...overrides, ...paxOverrides(record) };
        if (type === 'L') overrides.path = field(record, 0, size);
        if (type === 'K') overrides.target = field(record, 0, size);
        continue;
      }
      const kind = TYPES[type] ?? 'other';
      this.#left = kind === 'file' ? size : 0;
      this.#padding = Math.ceil(this.#left / BLOCK) * BLOCK - this.#left;
      return {
        path: overrides.path ?? headerPath(block),
        ...{ type: kind, size: this.#left, mode: octal(block, 100, 8) },
        mtime: octal(block, 136, 12),
        target: overrides.target ?? field(block, 157, 100),
      };
    }
  }

  /** The content of the entry that {@link next} returned last. */
  async *content(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      if (this.#waiting.length === 0 && !(await this.#more())) throw malformed('it is cut off');
      const chunk = this.#waiting.subarray(0, this.#left);
      this.#waiting = this.#waiting.subarray(chunk.length);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async #skip(): Promise<void> {
    this.#left += this.#padding;
    this.#padding = 0;
    const content = this.content();
    while ((await content.next()).done !== true);
  }

  /** Exactly so many bytes; undefined when the archive ends before the first of them. */
  async #take(length: number): Promise<Buffer | undefined> {
    while (this.#waiting.length < length)
      if (!(await this.#more())) {
        if (this.#waiting.length === 0) return undefined;
        throw malformed('it is cut off');
      }
    const taken = this.#waiting.subarray(0, length);
    this.#waiting = this.#waiting.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    const { buffer, byteOffset, byteLength } = next.value;
    const chunk = Buffer.from(buffer, byteOffset, byteLength);
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    return true;
  }
}

function headerPath(block: Buffer): string {
  const name = field(block, 0, 100);
  const prefix = field(block, 257, 6) === 'ustar' ? field(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Records of the form `<length> <key>=<value>\n`, the length counting the whole record. */
function paxOverrides(data: Buffer): { path?: string; target?: string; size?: number } {
  const found: { path?: string; target?: string; size?: number } = {};
  for (let offset = 0; offset < data.length;) {
    const space = data.indexOf(0x20, offset);
    const length = space < 0 ? NaN : Number(data.toString('latin1', offset, space));
    const record = data.subarray(space + 1, offset + length - 1);
    const equals = record.indexOf(0x3d);
    if (!(length > 4) || offset + length > data.length || equals < 1)
      throw malformed('a pax header record is malformed');
    const value = record.subarray(equals + 1).toString('utf8');
    const key = record.toString('latin1', 0, equals);
    if (key === 'path') found.path = value;
    if (key === 'linkpath') found.target = value;
    if (key === 'size') found.size = whole(value);
    offset += length;
  }
  return found;
}

function whole(digits: string): number {
  if (!/^\d{1,15}$/.test(digits)) throw malformed(`size ${digits.slice(0, 40)} is not a number`);
  return Number(digits);
}

function octal(block: Buffer, offset: number, length: number): number {
  const digits = field(block, offset, length).trim();
  if (!/^[0-7]{0,12}$/.test(digits)) throw malformed('a number of a header is not octal');
  return digits === '' ? 0 : parseInt(digits, 8);
}

function checkSum(block: Buffer): void {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (octal(block, 148, 8) !== sum) throw malformed('a header checksum does not match');
}

/** Text up to the first NUL. */
function field(bytes: Buffer, offset: number, length: number): string {
  const slice = bytes.subarray(offset, offset + length);
  const end = slice.indexOf(0);
  return (end < 0 ? slice : slice.subarray(0, end)).toString('utf8');
}

function malformed(message: string): RebuildError {
  return new RebuildError('sandbox-unavailable', `the engine's archive is malformed: ${message}`);
}
