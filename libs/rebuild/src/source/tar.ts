import { RebuildError } from '../errors.js';

/**
 * Reads tar archives (POSIX ustar with pax headers, and GNU long names) that somebody else wrote.
 * Only folders and regular files pass: links, devices and anything else are refused, and so is
 * every name that could land elsewhere than where it says, or on another entry.
 */

const BLOCK = 512;
const MAX_PATH = 512;
const MAX_DEPTH = 32;
const MAX_HEADER_BYTES = 64 * 1024;

export interface TarEntry {
  /** Relative, forward slashes, no trailing slash, no empty, `.` or `..` segment. */
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly executable: boolean;
  /** A view into the archive; empty for a folder. */
  readonly data: Uint8Array;
}

export interface TarLimits {
  readonly entries: number;
  /** Of all files together, in bytes. */
  readonly totalBytes: number;
}

/** What a pax or GNU header says about the entry that follows it. */
interface Overrides {
  path?: string;
  size?: number;
}

export function readTar(archive: Uint8Array, limits: TarLimits): TarEntry[] {
  const entries: TarEntry[] = [];
  const seen = new NameSet();
  let total = 0;
  let headers = 0;
  let offset = 0;
  let overrides: Overrides = {};
  while (offset + BLOCK <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if ((headers += 1) > 2 * limits.entries) throw tooMany(limits);
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const name = overrides.path ?? headerPath(header);
    const size = overrides.size ?? octal(header, 124, 12, 'size');
    const start = offset + BLOCK;
    if (size > archive.length - start)
      throw new RebuildError(
        'tarball-malformed',
        `${quote(name)} is cut off: the archive ends first`,
      );
    const data = archive.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'x' || type === 'g' || type === 'L') {
      const found = extendedHeader(type, data);
      if (type !== 'g') overrides = { ...overrides, ...found };
      continue;
    }
    overrides = {};
    const entry = makeEntry(type, name, data, octal(header, 100, 8, 'mode'));
    if (entry === undefined) continue;
    if (entries.length >= limits.entries) throw tooMany(limits);
    total += entry.data.length;
    if (total > limits.totalBytes)
      throw new RebuildError(
        'tarball-too-large',
        `the files of the archive exceed ${limits.totalBytes} bytes at ${quote(entry.path)}`,
      );
    seen.add(entry.path, entry.type);
    entries.push(entry);
  }
  return entries;
}

function tooMany(limits: TarLimits): RebuildError {
  return new RebuildError('tarball-too-many', `the archive holds over ${limits.entries} entries`);
}

function makeEntry(
  type: string,
  name: string,
  data: Uint8Array,
  mode: number,
): TarEntry | undefined {
  const folder = type === '5' || name.endsWith('/');
  const path = innerPath(name);
  if (type !== '0' && type !== '\0' && type !== '5')
    throw new RebuildError(
      'tarball-type',
      `${quote(name)} is neither a file nor a folder (tar type ${quote(type)}); links and devices are refused`,
    );
  if (folder && data.length > 0)
    throw new RebuildError('tarball-malformed', `the folder ${quote(name)} has content`);
  if (path === '') {
    if (folder) return undefined;
    throw new RebuildError('tarball-path', `${quote(name)} names no file`);
  }
  return {
    path,
    type: folder ? 'directory' : 'file',
    executable: !folder && (mode & 0o111) !== 0,
    data,
  };
}

/** Refuses what could leave the target folder or means different files to different systems. */
function innerPath(name: string): string {
  // Some packers write './package/…'; it says the same as 'package/…'.
  const path = name.replace(/^(?:\.\/)+/, '').replace(/\/$/, '');
  if (path === '' || path === '.') return '';
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (bad || /[\u0000-\u001f\u007f\\\ufffd]/.test(path))
    throw new RebuildError(
      'tarball-path',
      `${quote(name)} is refused: paths must be relative, without "..", control characters or backslashes`,
    );
  if (path.length > MAX_PATH || parts.length > MAX_DEPTH)
    throw new RebuildError('tarball-path', `${quote(name)} is too long or too deep`);
  return path;
}

/** Knows every path and every folder that paths imply, in one spelling each. */
class NameSet {
  readonly #names = new Map<string, { spelling: string; type: 'file' | 'directory' | 'implied' }>();

  add(path: string, type: 'file' | 'directory'): void {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1)
      this.#claim(parts.slice(0, depth).join('/'), 'implied', path);
    this.#claim(path, type, path);
  }

  #claim(spelling: string, type: 'file' | 'directory' | 'implied', entry: string): void {
    const key = spelling.normalize('NFC').toLowerCase();
    const known = this.#names.get(key);
    if (known === undefined) {
      this.#names.set(key, { spelling, type });
      return;
    }
    const folder = type !== 'file' && known.type !== 'file';
    if (known.spelling !== spelling || !folder || (type === 'directory' && known.type === type))
      throw new RebuildError(
        'tarball-duplicate',
        `${quote(entry)} collides with ${quote(known.spelling)}: two entries may not share a name, not even in another case`,
      );
    if (type === 'directory') known.type = type;
  }
}

function headerPath(header: Uint8Array): string {
  const name = text(field(header, 0, 100));
  const ustar = text(field(header, 257, 5)) === 'ustar';
  const prefix = ustar ? text(field(header, 345, 155)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function extendedHeader(type: string, data: Uint8Array): Overrides {
  if (data.length > MAX_HEADER_BYTES)
    throw new RebuildError('tarball-malformed', 'an extended header is longer than 64 KiB');
  return type === 'L' ? { path: text(field(data, 0, data.length)) } : paxOverrides(data);
}

/** Records of the form `<length> <key>=<value>\n`, the length counting the whole record. */
function paxOverrides(data: Uint8Array): Overrides {
  const overrides: Overrides = {};
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
  let offset = 0;
  while (offset < buffer.length) {
    const space = buffer.indexOf(0x20, offset);
    const digits = space < 0 ? '' : buffer.toString('latin1', offset, space);
    const length = /^[1-9]\d{0,6}$/.test(digits) ? Number(digits) : 0;
    const record = buffer.subarray(space + 1, offset + length);
    const equals = record.indexOf(0x3d);
    if (
      length <= digits.length + 2 ||
      offset + length > buffer.length ||
      equals < 1 ||
      record.at(-1) !== 0x0a
    )
      throw new RebuildError('tarball-malformed', 'a pax header record is malformed');
    const key = record.toString('latin1', 0, equals);
    const value = record.subarray(equals + 1, record.length - 1);
    if (key === 'path') overrides.path = text(value);
    if (key === 'size') overrides.size = decimal(value);
    offset += length;
  }
  return overrides;
}

function decimal(bytes: Uint8Array): number {
  const digits = text(bytes);
  if (!/^\d{1,15}$/.test(digits))
    throw new RebuildError('tarball-malformed', `pax size ${quote(digits)} is not a number`);
  return Number(digits);
}

function octal(header: Uint8Array, offset: number, length: number, name: string): number {
  const digits = text(field(header, offset, length)).trim();
  if (!/^[0-7]{0,12}$/.test(digits))
    throw new RebuildError('tarball-malformed', `header field ${name} is not an octal number`);
  return digits === '' ? 0 : parseInt(digits, 8);
}

function checkSum(header: Uint8Array): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i += 1) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0);
  if (octal(header, 148, 8, 'checksum') !== sum)
    throw new RebuildError(
      'tarball-malformed',
      'a header checksum does not match: not a tar archive',
    );
}

/** Up to the first NUL. */
function field(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const slice = bytes.subarray(offset, offset + length);
  const end = slice.indexOf(0);
  return end < 0 ? slice : slice.subarray(0, end);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
