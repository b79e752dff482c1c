import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { readTar } from './tar.js';
import { readTarball, unpackTarball } from './unpack.js';

interface Raw {
  name: string;
  type?: string;
  data?: string | Buffer;
  mode?: number;
  size?: number;
  link?: string;
}

function header({ name, type = '0', data = '', mode = 0o644, size, link = '' }: Raw): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  block.write(`${(size ?? Buffer.byteLength(data)).toString(8).padStart(11, '0')}\0`, 124);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function tar(...entries: Raw[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const data = Buffer.from(entry.data ?? '');
    return [header(entry), data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function pax(records: Record<string, string>): Raw {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    const length = rest + String(rest + String(rest).length).length;
    return `${length} ${key}=${value}\n`;
  });
  return { name: 'PaxHeader', type: 'x', data: lines.join('') };
}

const LIMITS = { entries: 8, totalBytes: 10_000 };

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof RebuildError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('readTar', () => {
  it('reads files, folders, modes, pax and GNU long names', () => {
    const long = `package/${'x'.repeat(120)}`;
    const entries = readTar(
      tar(
        { name: 'package/', type: '5', mode: 0o755 },
        { name: './package/a.txt', data: 'hello' },
        { name: 'package/run', mode: 0o755, data: '#!' },
        pax({ path: long, mtime: '1' }),
        { name: 'short', data: 'pax' },
        { name: '././@LongLink', type: 'L', data: `${long}2\0` },
        { name: 'short', data: 'gnu' },
      ),
      LIMITS,
    );
    const text = entries.map(({ path, type, executable, data }) => [
      path,
      type,
      executable,
      Buffer.from(data).toString(),
    ]);
    expect(text).toEqual([
      ['package', 'directory', false, ''],
      ['package/a.txt', 'file', false, 'hello'],
      ['package/run', 'file', true, '#!'],
      [long, 'file', false, 'pax'],
      [`${long}2`, 'file', false, 'gnu'],
    ]);
  });

  const many = Array.from({ length: 9 }, (_, index) => ({ name: `f${index}` }));
  it.each<[string, Raw[], string]>([
    ['a parent segment', [{ name: 'package/../../etc/passwd' }], 'tarball-path'],
    ['a bare parent', [{ name: '..' }], 'tarball-path'],
    ['an absolute path', [{ name: '/etc/passwd' }], 'tarball-path'],
    ['an empty segment', [{ name: 'package//a' }], 'tarball-path'],
    ['a dot segment', [{ name: 'package/./a' }], 'tarball-path'],
    ['a backslash', [{ name: 'package\\..\\a' }], 'tarball-path'],
    ['a control character', [{ name: 'package/a\nb' }], 'tarball-path'],
    ['bytes that are not UTF-8', [pax({ path: 'a\ufffd' }), { name: 'a' }], 'tarball-path'],
    ['a parent segment in a pax path', [pax({ path: '../a' }), { name: 'a' }], 'tarball-path'],
    [
      'a path that is too deep',
      [pax({ path: 'a/'.repeat(40) + 'a' }), { name: 'a' }],
      'tarball-path',
    ],
    ['a symbolic link', [{ name: 'a', type: '2', link: '/etc' }], 'tarball-type'],
    ['a hard link', [{ name: 'a', type: '1', link: 'b' }], 'tarball-type'],
    ['a character device', [{ name: 'a', type: '3' }], 'tarball-type'],
    ['a block device', [{ name: 'a', type: '4' }], 'tarball-type'],
    ['a FIFO', [{ name: 'a', type: '6' }], 'tarball-type'],
    ['a file twice', [{ name: 'a' }, { name: 'a' }], 'tarball-duplicate'],
    ['a file in another case', [{ name: 'a' }, { name: 'A' }], 'tarball-duplicate'],
    ['a folder in another case', [{ name: 'p/a' }, { name: 'P/b' }], 'tarball-duplicate'],
    ['another normal form', [{ name: 'é' }, { name: 'e\u0301' }], 'tarball-duplicate'],
    ['a file that becomes a folder', [{ name: 'a' }, { name: 'a/b' }], 'tarball-duplicate'],
    ['a folder that becomes a file', [{ name: 'a/b' }, { name: 'a' }], 'tarball-duplicate'],
    ['too many entries', many, 'tarball-too-many'],
    ['too many headers', Array.from({ length: 17 }, () => pax({ a: 'b' })), 'tarball-too-many'],
    ['too many bytes', [{ name: 'a', data: 'x'.repeat(10_001) }], 'tarball-too-large'],
    ['a size past the end', [{ name: 'a', size: 100_000 }], 'tarball-malformed'],
    ['a pax size past the end', [pax({ size: '99999' }), { name: 'a' }], 'tarball-malformed'],
    ['a pax size that is no number', [pax({ size: '-1' }), { name: 'a' }], 'tarball-malformed'],
    ['a malformed pax record', [{ name: 'x', type: 'x', data: '99 a=b\n' }], 'tarball-malformed'],
  ])('refuses %s', (_, entries, code) => {
    expect(codeOf(() => readTar(tar(...entries), LIMITS))).toBe(code);
  });

  it('refuses a header whose checksum is wrong', () => {
    const archive = tar({ name: 'a' });
    archive[0] = 0x62;
    expect(codeOf(() => readTar(archive, LIMITS))).toBe('tarball-malformed');
  });

  it('answers any bytes with entries or a coded error', () => {
    const base = tar(pax({ path: 'package/b' }), { name: 'a', data: 'hello' }, { name: 'c' });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(base.length),
        (edits, length) => {
          const bytes = Buffer.from(base);
          for (const [index, value] of edits) bytes[index] = value;
          // A wrong checksum would end most cases at once.
          for (const at of [0, 1024, 2048]) {
            bytes.write('        ', at + 148);
            const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
            bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
          }
          codeOf(() => readTar(bytes.subarray(0, length), LIMITS));
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe('unpackTarball', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unpack-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes all files with fixed modes and times', async () => {
    const archive = tar({ name: 'package/a', data: 'x' }, { name: 'package/bin/b', mode: 0o4777 });
    await unpackTarball(gzipSync(archive), join(folder, 'out'));
    expect(await readFile(join(folder, 'out/package/a'), 'utf8')).toBe('x');
    const { mode, mtimeMs } = await stat(join(folder, 'out/package/bin/b'));
    expect(mode & 0o7777).toBe(0o755);
    expect(mtimeMs).toBe(315_532_800_000);
  });

  it('leaves nothing behind when an entry is refused', async () => {
    const archive = gzipSync(tar({ name: 'a', data: 'x' }, { name: '../b', data: 'x' }));
    await expect(unpackTarball(archive, join(folder, 'out'))).rejects.toMatchObject({
      code: 'tarball-path',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops inflating a bomb at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    await expect(readTarball(bomb, LIMITS)).rejects.toMatchObject({ code: 'tarball-too-large' });
  });

  it.each([
    ['no gzip data', Buffer.from('hello')],
    ['gzip data cut off', gzipSync(tar({ name: 'a' })).subarray(0, 30)],
  ])('refuses %s', async (_, bytes) => {
    await expect(readTarball(bytes)).rejects.toMatchObject({ code: 'tarball-malformed' });
  });
});
