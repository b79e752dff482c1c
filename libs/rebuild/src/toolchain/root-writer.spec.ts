import { lstat, mkdir, mkdtemp, readdir, readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { readLinkedTar } from '../source/tar.js';
import { tarOf, type Member } from './archive.fixture.js';
import { RootWriter } from './root-writer.js';
import { readTree, removeTree } from './tree.js';

let folder = '';
let root = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'root-writer-'));
  root = join(folder, 'root');
  await mkdir(root);
});
afterEach(async () => {
  await removeTree(folder);
});

const LIMITS = { entries: 1000, totalBytes: 1 << 20 };
const entries = (...members: Member[]): ReturnType<typeof readLinkedTar> =>
  readLinkedTar(tarOf(members), LIMITS);
const link = (name: string, target: string): Member => ({ name, type: '2', link: target });

describe('several archives in one root', () => {
  it('places of before the merged /usr lead into it', async () => {
    const writer = new RootWriter(root);
    await writer.folder('usr/lib64');
    await writer.link('lib64', 'usr/lib64', 'test');
    await writer.add(
      entries({ name: './lib64/', type: '5' }, { name: './lib64/ld.so', data: 'x' }),
      {
        from: 'libc6',
      },
    );
    expect(await readlink(join(root, 'lib64'))).toBe('usr/lib64');
    expect(await readFile(join(root, 'usr/lib64/ld.so'), 'utf8')).toBe('x');
    expect(writer.has('/lib64/ld.so')).toBe(true);
  });

  it('the same file from two is one, another file under its name is refused', async () => {
    const writer = new RootWriter(root);
    await writer.add(entries({ name: 'a/b', data: 'same' }, link('l', 'a')), { from: 'one' });
    await writer.add(entries({ name: 'a/b', data: 'same' }, link('l', 'a')), { from: 'two' });
    for (const clash of [
      { name: 'a/b', data: 'other' },
      link('l', 'b'),
      { name: 'a/b', data: 'same', mode: 0o755 },
    ])
      await expect(writer.add(entries(clash), { from: 'three' })).rejects.toMatchObject({
        code: 'toolchain-conflict',
      });
  });

  it('hard links are files of their own, and what is left out is not there', async () => {
    const writer = new RootWriter(root);
    const members = [
      { name: 'bin/x', data: 'x', mode: 0o755 },
      { name: 'bin/y', type: '1', link: 'bin/x' },
      { name: 'usr/share/doc/x/copyright', data: 'c' },
    ] as const;
    await writer.add(entries(...members), { from: 'one', leaveOut: ['usr/share/doc'] });
    expect((await readTree(root)).map(([path]) => path)).toEqual(['bin', 'bin/x', 'bin/y']);
    expect((await lstat(join(root, 'bin/y'))).nlink).toBe(1);
    await expect(
      writer.add(entries({ name: 'z', type: '1', link: 'nowhere' }), { from: 'two' }),
    ).rejects.toMatchObject({ code: 'package-malformed' });
  });

  it('links that lead out of the root lead to its top instead; links in a circle are refused', async () => {
    const writer = new RootWriter(root);
    for (const member of [
      link('out', '../../../..'),
      link('abs', '/etc'),
      { name: 'out/a', data: '1' },
      { name: 'abs/b', data: '2' },
      link('p', 'q'),
      link('q', 'p'),
    ])
      await writer.add(entries(member), { from: 'hostile' });
    expect((await readdir(folder)).sort()).toEqual(['root']);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('1');
    expect(await readFile(join(root, 'etc/b'), 'utf8')).toBe('2');
    await expect(
      writer.add(entries({ name: 'p/x', data: 'x' }), { from: 'circle' }),
    ).rejects.toMatchObject({ code: 'package-malformed' });
  });

  it('layers replace and white out', async () => {
    const writer = new RootWriter(root);
    const layer = { replace: true } as const;
    await writer.add(
      entries(
        { name: 'keep/a', data: '1' },
        { name: 'gone/b', data: '2' },
        { name: 'opaque/c', data: '3' },
        link('turned', 'keep'),
      ),
      { from: 'lower', ...layer },
    );
    await writer.add(
      entries(
        { name: 'keep/a', data: 'new' },
        { name: '.wh.gone' },
        { name: 'opaque/.wh..wh..opq' },
        { name: 'opaque/d', data: '4' },
        { name: 'turned/', type: '5' },
      ),
      { from: 'upper', ...layer },
    );
    expect((await readTree(root)).map(([path, type]) => `${path} ${type}`)).toEqual([
      'keep directory',
      'keep/a file',
      'opaque directory',
      'opaque/d file',
      'turned directory',
    ]);
    expect(await readFile(join(root, 'keep/a'), 'utf8')).toBe('new');
  });

  it('whatever archives say, nothing is written outside', async () => {
    const name = fc.array(fc.constantFrom('a', 'b', 'c', 'lib'), { minLength: 1, maxLength: 3 });
    const target = fc.array(fc.constantFrom('..', 'a', 'b', ''), { minLength: 1, maxLength: 5 });
    const member = fc.oneof(
      name.map((parts): Member => ({ name: parts.join('/'), data: 'x' })),
      fc
        .tuple(name, target)
        .map(([parts, to]): Member => link(parts.join('/'), to.join('/') || '/')),
      name.map((parts): Member => ({ name: `${parts.join('/')}/`, type: '5' })),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 12 }),
        fc.boolean(),
        async (members, replace) => {
          const place = join(folder, 'fuzz', String((round += 1)));
          await mkdir(join(place, 'root'), { recursive: true });
          const writer = new RootWriter(join(place, 'root'));
          for (const one of members) {
            const failure = await writer
              .add(entries(one), { from: 'fuzz', replace })
              .catch((error: unknown) => error);
            if (failure !== undefined) expect(failure).toBeInstanceOf(RebuildError);
          }
          expect(await readdir(place)).toEqual(['root']);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
    expect((await readdir(folder)).sort()).toEqual(['fuzz', 'root']);
  });
});
