import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RebuildError } from '../../errors.js';
import { sha256Hex } from '../../source/integrity.js';
import { arOf, debOf, tarOf } from '../archive.fixture.js';
import type { DebianPackage } from '../toolchain-lock.js';
import { readAr } from './ar.js';
import { resolveClosure } from './closure.js';
import { readDeb } from './deb.js';
import { DebianSource } from './debian-source.js';
import { decompress } from './decompress.js';
import { PackagesIndex } from './packages-index.js';
import { compareVersions } from './version.js';

const code = async (action: () => unknown): Promise<string> => {
  try {
    await action();
    return 'none';
  } catch (error) {
    return error instanceof RebuildError ? error.code : String(error);
  }
};

describe('versions of Debian packages', () => {
  it.each([
    ['1:1.0', '2.0', 1],
    ['1.0~rc1', '1.0', -1],
    ['1.0', '1.0-1', -1],
    ['1.0-1~deb13u4', '1.0-1', -1],
    ['1.10', '1.9', 1],
    ['1.0a', '1.0+b', -1],
    ['22.1.8-3', '22.1.8-3', 0],
    ['00001.2', '1.2', 0],
  ])('%s against %s', (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a)) + order).toBe(0);
  });
});

describe('the outer archive and its data', () => {
  const files = [
    { name: './', type: '5' as const },
    { name: './usr/bin/tool', data: 'tool', mode: 0o755 },
    { name: './usr/bin/alias', type: '2' as const, link: 'tool' },
    { name: './usr/bin/same', type: '1' as const, link: './usr/bin/tool' },
  ];

  it.each([
    ['gz', debOf(files)],
    [
      'xz',
      arOf([
        { name: 'debian-binary', data: '2.0\n' },
        { name: 'data.tar.xz', data: execFileSync('xz', ['-c'], { input: tarOf(files) }) },
      ]),
    ],
    [
      'plain',
      arOf([
        { name: 'debian-binary', data: '2.0\n' },
        { name: 'data.tar', data: tarOf(files) },
      ]),
    ],
  ])('%s: files and links, and no script', async (_, deb) => {
    const entries = await readDeb(deb);
    expect(entries.map(({ path, type }) => [path, type])).toEqual([
      ['usr/bin/tool', 'file'],
      ['usr/bin/alias', 'symlink'],
      ['usr/bin/same', 'hardlink'],
    ]);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another format', arOf([{ name: 'debian-binary', data: '3.0\n' }])],
    ['no data', arOf([{ name: 'debian-binary', data: '2.0\n' }])],
    [
      'two data',
      arOf([
        { name: 'debian-binary', data: '2.0\n' },
        { name: 'data.tar', data: '' },
        { name: 'data.tar.gz', data: '' },
      ]),
    ],
    [
      'an unknown compression',
      arOf([
        { name: 'debian-binary', data: '2.0\n' },
        { name: 'data.tar.lzh', data: '' },
      ]),
    ],
    [
      'no xz',
      arOf([
        { name: 'debian-binary', data: '2.0\n' },
        { name: 'data.tar.xz', data: 'hello' },
      ]),
    ],
    ['a cut member', debOf(files).subarray(0, -20)],
    ['a device', debOf([{ name: './dev/null', type: '3' }])],
    ['a way out', debOf([{ name: '../../etc/passwd', data: 'x' }])],
    ['a link that leads out', debOf([{ name: './a', type: '1', link: '../../etc/passwd' }])],
  ])('%s is refused', async (_, deb) => {
    expect(await code(() => readDeb(deb))).toBe('package-malformed');
  });

  it.each(['xz', 'gz'])('a bomb is cut off: %s', async (suffix) => {
    const bomb = execFileSync(suffix === 'xz' ? 'xz' : 'gzip', ['-c'], {
      input: Buffer.alloc(1 << 22),
    });
    expect(await code(() => decompress(bomb, suffix, 1 << 20))).toBe('package-too-large');
  });

  it('any bytes give entries or a code, never another error', async () => {
    const honest = debOf(files);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 6 }),
        async (changes) => {
          const bytes = Buffer.from(honest);
          for (const [at, value] of changes) bytes[at] = value;
          expect(await code(() => readDeb(bytes))).toMatch(/^(?:none|package-[a-z-]+)$/);
        },
      ),
      { numRuns: 60, seed: 7 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          readAr(Buffer.concat([Buffer.from('!<arch>\n'), bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(RebuildError);
        }
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});

describe('the index of a suite', () => {
  const paragraph = (name: string, fields: Record<string, string> = {}): string =>
    Object.entries({
      Package: name,
      Version: '1.0-1',
      Architecture: 'amd64',
      Filename: `pool/main/${name}.deb`,
      Size: '10',
      SHA256: sha256Hex(name + (fields['Version'] ?? '')),
      ...fields,
    })
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n');
  const index = (...paragraphs: string[]): PackagesIndex =>
    new PackagesIndex(paragraphs.join('\n\n'));
  const names = (pins: readonly DebianPackage[]): string[] => pins.map(({ name }) => name);

  it('follows Depends and Pre-Depends, takes the first alternative, and what provides a name', () => {
    const packages = index(
      paragraph('compiler', {
        Depends: 'runtime (>= 1.0), editor | pager, virtual',
        'Pre-Depends': 'base',
      }),
      paragraph('runtime'),
      paragraph('base', { Depends: 'runtime' }),
      paragraph('editor'),
      paragraph('pager'),
      paragraph('real', { Provides: 'virtual (= 2)' }),
      paragraph('unwanted'),
    );
    expect(names(resolveClosure(packages, ['compiler']))).toEqual([
      'base',
      'compiler',
      'editor',
      'real',
      'runtime',
    ]);
    expect(names(resolveClosure(packages, ['compiler', 'pager'], ['virt*', 'base']))).toEqual([
      'compiler',
      'pager',
      'runtime',
    ]);
  });

  it('of two versions the higher counts, and a version that is too low is none', () => {
    const packages = index(
      paragraph('aa', { Version: '1:1.9-1' }),
      paragraph('aa', { Version: '1:1.10-1' }),
      paragraph('bb', { Depends: 'aa (>= 1:2)' }),
    );
    expect(packages.get('aa')?.pin.version).toBe('1:1.10-1');
    expect(() => resolveClosure(packages, ['bb'])).toThrow(/needs aa, which the distribution/);
    expect(() => resolveClosure(packages, ['cc'])).toThrow(/no package cc/);
  });

  it('passes over what no lock can pin', () => {
    const packages = index(paragraph('odd', { Filename: '../../etc/odd.deb' }), 'Package: half');
    expect([packages.get('odd'), packages.get('half')]).toEqual([undefined, undefined]);
  });
});

describe('where .deb files come from', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'debs-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const deb = debOf([{ name: './a', data: 'a' }]);
  const pin: DebianPackage = {
    ...{ name: 'tool', version: '1:1.0+x~1-1', architecture: 'amd64', size: deb.length },
    ...{ sha256: sha256Hex(deb), path: 'pool/main/t/tool/tool_1.0+x~1-1_amd64.deb' },
  };

  const serve = async (
    files: Record<string, Uint8Array>,
    act: (url: string, asked: string[]) => Promise<void>,
  ): Promise<void> => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const found = files[request.url ?? ''];
      response.writeHead(found === undefined ? 404 : 200).end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };

  it('a folder, whatever the file is called; then the cache', async () => {
    const files = join(folder, 'files');
    await rm(files, { recursive: true, force: true });
    execFileSync('mkdir', [files]);
    await writeFile(join(files, 'renamed.deb'), deb);
    const source = new DebianSource(join(folder, 'cache'), { folders: [files], attempts: 1 });
    expect(Buffer.from(await source.package(pin))).toEqual(deb);
  });

  it('the mirror at its pool path, once; gone from there, the snapshot of the lock’s day', async () => {
    const snapshot = `/snap/20260912T075541Z/${pin.path}`;
    await serve({ [snapshot]: deb }, async (url, asked) => {
      const options = { mirror: `${url}/debian/`, snapshot: `${url}/snap`, allowPrivate: true };
      const source = new DebianSource(join(folder, 'cache'), { ...options, attempts: 1 });
      await source.package(pin, '2026-09-12T07:55:41Z');
      await source.package(pin, '2026-09-12T07:55:41Z');
      expect(asked).toEqual([`/debian/${pin.path}`, snapshot]);
    });
  });

  it('another version in its place is not taken: unavailable', async () => {
    const other = debOf([{ name: './a', data: 'b' }]);
    await serve({ [`/${pin.path}`]: other }, async (url) => {
      const options = { mirror: url, allowPrivate: true, attempts: 1 };
      const source = new DebianSource(join(folder, 'cache'), options);
      expect(await code(() => source.package(pin))).toBe('toolchain-file-unavailable');
    });
    await serve({}, async (url) => {
      const options = { mirror: url, allowPrivate: true, attempts: 1 };
      const source = new DebianSource(join(folder, 'cache'), options);
      await expect(source.package(pin)).rejects.toThrow(/toolchain import/);
    });
  });
});
