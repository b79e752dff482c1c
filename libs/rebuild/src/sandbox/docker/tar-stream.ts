import { createReadStream } from 'node:fs';

/** Writes tar archives as streams: ustar headers, GNU long names where those do not suffice. */

const BLOCK = 512;
const CHUNK = 256 * 1024;
const LONG_NAME = '././@LongLink';

interface Common {
  /** Relative, without a trailing slash. */
  readonly path: string;
  readonly mode: number;
  /** User and group. */
  readonly owner: number;
  /** Seconds. */
  readonly mtime: number;
}

export type TarItem = Common &
  (
    | { readonly type: 'directory' }
    | { readonly type: 'symlink'; readonly target: string }
    | {
        readonly type: 'file';
        readonly size: number;
        /** Its bytes, or the path of the file that has them. */
        readonly content: string | Uint8Array | AsyncIterable<Uint8Array>;
      }
  );

/** How many bytes {@link tarStream} makes of these items. */
export function tarSize(items: readonly TarItem[]): number {
  return items.reduce((sum, item) => sum + headers(item).length + padded(sizeOf(item)), 2 * BLOCK);
}

/**
 * @param items asked for one by one, each when the one before it is through
 * @throws Error when a file has not the size that it is said to have
 */
export async function* tarStream(items: Iterable<TarItem>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const full = (chunk: Uint8Array): Uint8Array | undefined => {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes < CHUNK) return undefined;
    const joined = Buffer.concat(waiting);
    [waiting, bytes] = [[], 0];
    return joined;
  };
  for (const item of items)
    for await (const part of parts(item)) {
      const chunk = full(part);
      if (chunk !== undefined) yield chunk;
    }
  yield Buffer.concat([...waiting, new Uint8Array(2 * BLOCK)]);
}

async function* parts(item: TarItem): AsyncGenerator<Uint8Array> {
  yield headers(item);
  if (item.type !== 'file' || item.size === 0) return;
  let seen = 0;
  const { content, size } = item;
  const chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array> =
    typeof content === 'string'
      ? createReadStream(content, { end: size, highWaterMark: CHUNK })
      : content instanceof Uint8Array
        ? [content]
        : content;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen <= size) yield chunk;
  }
  if (seen !== size) throw new Error(`${item.path} changed its size while it was read`);
  yield new Uint8Array(padded(size) - size);
}

function sizeOf(item: TarItem): number {
  return item.type === 'file' ? item.size : 0;
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function headers(item: TarItem): Uint8Array {
  const path = item.type === 'directory' ? `${item.path}/` : item.path;
  const target = item.type === 'symlink' ? item.target : '';
  const type = { directory: '5', symlink: '2', file: '0' }[item.type];
  return Buffer.concat([
    ...longName('L', path),
    ...longName('K', target),
    header({ ...item, path }, type, sizeOf(item), target),
  ]);
}

/** A header of its own for a name that has no room in the usual one. */
function longName(type: 'L' | 'K', name: string): Uint8Array[] {
  const bytes = Buffer.from(`${name}\0`);
  if (bytes.length <= 100) return [];
  const padding = new Uint8Array(padded(bytes.length) - bytes.length);
  const common = { path: LONG_NAME, mode: 0o644, owner: 0, mtime: 0 };
  return [header(common, type, bytes.length, ''), bytes, padding];
}

function header(
  { path, mode, owner, mtime }: Common,
  type: string,
  size: number,
  target: string,
): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  block.set(Buffer.from(path).subarray(0, 100));
  octal(mode, 100, 8);
  octal(owner, 108, 8);
  octal(owner, 116, 8);
  octal(size, 124, 12);
  octal(Math.max(0, Math.floor(mtime)), 136, 12);
  block.write(type, 156, 'latin1');
  block.set(Buffer.from(target).subarray(0, 100), 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
