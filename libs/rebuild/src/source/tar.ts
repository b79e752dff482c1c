import { RebuildError } from '../errors.js';
import { innerPath, NameSet, quote } from './names.js';

/**
 * Reads tar archives (POSIX ustar with pax headers, and GNU long names) that somebody else wrote.
 * Only folders and regular files pass: links, devices and anything else are refused, and so is
 * every name that could land elsewhere than where it says, or on another entry. Of a distribution's
 * packages links pass too, see {@link readLinkedTar}.
 */

const BLOCK = 512;
const MAX_LINK = 512;
const MAX_HEADER_BYTES = 64 * 1024;

export interface TarEntry {
  /** Relative, forward slashes, no trailing slash, no empty, `.` or `..` segment. */
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly executable: boolean;
  /** A view into the archive; empty for a folder. */
  readonly data: Uint8Array;
}

export interface TarLink {
  readonly path: string;
  /** A hard link's target is a path of the archive, checked like one; a symbolic link's is any text. */
  readonly type: 'symlink' | 'hardlink';
  readonly target: string;
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
  linkpath?: string;
}

export function readTar(archive: Uint8Array, limits: TarLimits): TarEntry[] {
  return readEntries(archive, limits, false).filter((entry): entry is TarEntry => 'data' in entry);
}

/**
 * Like {@link readTar} for archives whose links and whose names in two cases are meant, such as
 * those of a distribution's packages. Whoever writes the entries must see to where links lead.
 */
export function readLinkedTar(archive: Uint8Array, limits: TarLimits): (TarEntry | TarLink)[] {
  return readEntries(archive, limits, true);
}

function readEntries(
  archive: Uint8Array,
  limits: TarLimits,
  linked: boolean,
): (TarEntry | TarLink)[] {
  const entries: (TarEntry | TarLink)[] = [];
  const seen = new NameSet('tarball', linked);
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
    if (type === 'x' || type === 'g' || type === 'L' || (linked && type === 'K')) {
      const found = extendedHeader(type, data);
      if (type !== 'g') overrides = { ...overrides, ...found };
      continue;
    }
    const target = overrides.linkpath ?? text(field(header, 157, 100));
    overrides = {};
    const entry =
      linked && (type === '1' || type === '2')
        ? makeLink(type, name, target)
        : makeEntry(type, name, data, octal(header, 100, 8, 'mode'));
    if (entry === undefined) continue;
    if (entries.length >= limits.entries) throw tooMany(limits);
    total += 'data' in entry ? entry.data.length : 0;
    if (total > limits.totalBytes)
      throw new RebuildError(
        'tarball-too-large',
        `the files of the archive exceed ${limits.totalBytes} bytes at ${quote(entry.path)}`,
      );
    seen.add(entry.path, entry.type === 'directory' ? 'directory' : 'file');
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
  const path = innerPath(name, 'tarball');
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

function makeLink(type: '1' | '2', name: string, target: string): TarLink {
  const path = innerPath(name, 'tarball');
  if (path === '' || target === '' || target.length > MAX_LINK)
    throw new RebuildError('tarball-path', `the link ${quote(name)} has no usable name or target`);
  if (type === '2') return { path, type: 'symlink', target };
  return { path, type: 'hardlink', target: innerPath(target, 'tarball') };
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
  if (type === 'L') return { path: text(field(data, 0, data.length)) };
  if (type === 'K') return { linkpath: text(field(data, 0, data.length)) };
  return paxOverrides(data);
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
    if (key === 'linkpath') overrides.linkpath = text(value);
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
