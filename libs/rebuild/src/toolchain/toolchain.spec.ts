import { mkdir, mkdtemp, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobStore } from '../source/blob-store.js';
import { sha256Hex } from '../source/integrity.js';
import { NpmSource } from '../source/npm-source.js';
import { debOf, type Member } from './archive.fixture.js';
import { collectToolchains } from './collect-garbage.js';
import { DebianSource } from './debian/debian-source.js';
import { addToolchainLock, listToolchainLocks, readToolchainLock } from './lock-folders.js';
import { readOperatorSettings } from './operator-settings.js';
import { assembleToolchain, findToolchain, firstDifference, verifyToolchain } from './toolchain.js';
import { parseToolchainLock, ToolchainLock } from './toolchain-lock.js';
import { exportToolchain, importToolchains } from './transfer.js';
import { readTree, removeTree } from './tree.js';

let folder = '';
let npm: NpmSource;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toolchain-'));
  const config = {
    registry: 'http://127.0.0.1:9/',
    scopes: new Map<string, string>(),
    noProxy: [],
  };
  npm = new NpmSource(new BlobStore(join(folder, 'blobs')), config);
});
afterEach(async () => {
  await removeTree(folder);
});

const TOOL: Member[] = [
  { name: './bin/tool', data: 'tool', mode: 0o755 },
  { name: './usr/share/doc/tool/copyright', data: 'free' },
];

/** A lock of packages whose files lie in the folder `debs`. */
async function lockOf(packages: Record<string, Member[]>, version = '1.0'): Promise<ToolchainLock> {
  await mkdir(join(folder, 'debs'), { recursive: true });
  const pins = [];
  for (const [name, members] of Object.entries(packages)) {
    const bytes = debOf(members);
    await writeFile(join(folder, 'debs', `${sha256Hex(bytes)}.deb`), bytes);
    const path = `pool/main/${name}_1.0_all.deb`;
    pins.push({
      name,
      version: '1.0',
      architecture: 'all',
      sha256: sha256Hex(bytes),
      size: bytes.length,
      path,
    });
  }
  return ToolchainLock.parse({
    schema: 'https://touchstone.dev/toolchain-lock/v1',
    ...{ name: 'tool', version, lineage: 'debian', packages: [] },
    debian: {
      suite: 'test',
      architectures: { x64: pins, arm64: pins },
      leaveOut: ['usr/share/doc'],
    },
    environment: { TOOL_HOME: '/tmp' },
    links: [{ path: '/usr/bin/cc', target: 'tool' }],
    commands: { tool: { argv: ['/usr/bin/tool', '--quiet'] } },
  });
}

const debian = (cache: string): DebianSource =>
  new DebianSource(cache, {
    folders: [join(folder, 'debs')],
    mirror: 'http://127.0.0.1:9',
    attempts: 1,
  });

describe('a root of Debian packages', () => {
  it('holds their files in the merged /usr, and every one is on the record', async () => {
    const cache = join(folder, 'cache');
    const lock = await lockOf({ tool: TOOL, more: [{ name: './lib/more', data: '1' }] });
    const built = await assembleToolchain(lock, npm, cache, { debian: debian(cache) });
    const paths = (await readTree(built.root)).map((entry) =>
      entry.filter((part) => part !== '').join(' '),
    );
    expect(
      paths
        .filter((path) => /tool|more|^bin|doc|cc/.test(path))
        .map((path) => path.replace(/ \w{64}$/, '')),
    ).toEqual([
      'bin symlink usr/bin',
      'usr/bin/cc symlink tool',
      'usr/bin/tool file true 4',
      'usr/lib/more file false 1',
    ]);
    expect(built.dependencies.map(({ uri }) => uri)).toEqual([
      'https://touchstone.dev/toolchain/tool/1.0',
      'pkg:deb/debian/tool@1.0?arch=all',
      'pkg:deb/debian/more@1.0?arch=all',
    ]);
    expect([built.environment, built.commands]).toEqual([lock.environment, lock.commands]);
    await verifyToolchain(built);
  });

  it('is the same from several at once, and a root that was lost is made again', async () => {
    const cache = join(folder, 'cache');
    const lock = await lockOf({ tool: TOOL });
    const make = (): ReturnType<typeof assembleToolchain> =>
      assembleToolchain(lock, npm, cache, { debian: debian(cache) });
    const roots = await Promise.all([make(), make(), make()]);
    expect(new Set(roots.map(({ digest }) => digest)).size).toBe(1);
    const [first] = roots;
    expect(
      (await readdir(join(cache, 'toolchains'))).filter((name) => name.endsWith('.tmp')),
    ).toEqual([]);
    await removeTree(first.root);
    expect(await findToolchain(lock, cache)).toBeUndefined();
    expect((await make()).digest).toBe(first.digest);
  });

  it('two packages that bring a file in two forms: neither is taken', async () => {
    const lock = await lockOf({ tool: TOOL, clash: [{ name: './usr/bin/tool', data: 'other' }] });
    const cache = join(folder, 'cache');
    await expect(
      assembleToolchain(lock, npm, cache, { debian: debian(cache) }),
    ).rejects.toMatchObject({ code: 'toolchain-conflict' });
    expect(await readdir(join(cache, 'toolchains'))).toEqual(['keys']);
  });

  it('a file that can be had nowhere makes it unavailable', async () => {
    const lock = await lockOf({ tool: TOOL });
    const cache = join(folder, 'cache');
    const nowhere = new DebianSource(cache, {
      mirror: 'http://127.0.0.1:9',
      attempts: 1,
      allowPrivate: true,
    });
    await expect(assembleToolchain(lock, npm, cache, { debian: nowhere })).rejects.toMatchObject({
      code: 'toolchain-file-unavailable',
    });
  });
});

describe('carrying a toolchain elsewhere', () => {
  it('export and import give the same tree; a changed file is not taken for the right one', async () => {
    const [cache, theirs] = [join(folder, 'cache'), join(folder, 'theirs')];
    const lock = await lockOf({ tool: TOOL });
    const built = await assembleToolchain(lock, npm, cache, { debian: debian(cache) });
    const media = join(folder, 'media');
    await exportToolchain(lock, media, npm, cache, { debian: debian(cache) });
    expect((await readdir(media)).sort()).toEqual(['files', 'tool-1.0.json', 'tree']);
    expect(await readdir(join(media, 'files'))).toEqual(['tool_1.0_all.deb']);
    const places = { cache: theirs, locks: join(theirs, 'locks'), images: join(theirs, 'images') };
    const blobs = new BlobStore(join(theirs, 'blobs'));
    const deb = join(media, 'files', 'tool_1.0_all.deb');
    const honest = await readFile(deb);
    await writeFile(deb, debOf([{ name: './bin/tool', data: 'evil' }]));
    await importToolchains(media, { ...places, blobs });
    const taken = await readToolchainLock(lock, places.locks);
    const offline = new DebianSource(theirs, { mirror: 'http://127.0.0.1:9', attempts: 1 });
    const make = (): ReturnType<typeof assembleToolchain> =>
      assembleToolchain(taken, npm, theirs, { debian: offline });
    await expect(make()).rejects.toMatchObject({ code: 'toolchain-file-unavailable' });
    await writeFile(deb, honest);
    await importToolchains(media, { ...places, blobs });
    expect((await make()).digest).toBe(built.digest);
  });

  it('of two trees the first file that differs is named', async () => {
    const cache = join(folder, 'cache');
    const roots = [];
    for (const data of ['one', 'two']) {
      const lock = await lockOf({ tool: [{ name: './bin/tool', data, mode: 0o755 }] }, data);
      roots.push(await assembleToolchain(lock, npm, cache, { debian: debian(cache) }));
    }
    const [a = [], b = []] = await Promise.all(roots.map(({ root }) => readTree(root)));
    expect(firstDifference(a, b)).toBe('; usr/bin/tool is changed');
  });

  it('an empty folder is none to import', async () => {
    const places = { cache: folder, locks: folder, images: folder, blobs: new BlobStore(folder) };
    await mkdir(join(folder, 'empty'));
    await expect(importToolchains(join(folder, 'empty'), places)).rejects.toMatchObject({
      code: 'toolchain-lock',
    });
  });
});

describe('locks', () => {
  it('the operator’s go before those that come with the package', async () => {
    const lock = await lockOf({ tool: TOOL });
    const shadow = { ...lock, name: 'wabt', version: '1.0.12' };
    await addToolchainLock(shadow, join(folder, 'locks'));
    await addToolchainLock(lock, join(folder, 'locks'));
    expect(await readToolchainLock(shadow, join(folder, 'locks'))).toEqual(shadow);
    const known = await listToolchainLocks(join(folder, 'locks'));
    expect(
      known.filter(({ origin }) => origin === 'operator').map(({ lock: { name } }) => name),
    ).toEqual(['tool', 'wabt']);
    expect(known.filter(({ lock: { name } }) => name === 'wabt')).toHaveLength(1);
    expect((await listToolchainLocks()).every(({ origin }) => origin === 'shipped')).toBe(true);
  });

  it.each<[string, (lock: Record<string, unknown>) => unknown]>([
    ['no JSON', () => undefined],
    ['another schema', (lock) => ({ ...lock, schema: 'v0' })],
    [
      'a command outside of the root',
      (lock) => ({ ...lock, commands: { sh: { argv: ['../bin/sh'] } } }),
    ],
    ['Debian without packages', (lock) => ({ ...lock, debian: undefined })],
    ['a driver without Node', (lock) => ({ ...lock, commands: { wat: { driver: 'wabt' } } })],
    [
      'a pool path that leads out',
      (lock) => JSON.parse(JSON.stringify(lock).replaceAll('pool/main/', 'pool/../')) as unknown,
    ],
  ])('%s is refused', async (_, change) => {
    const lock = await lockOf({ tool: TOOL });
    const text = JSON.stringify(change(JSON.parse(JSON.stringify(lock)) as never)) as
      string | undefined;
    expect(() => parseToolchainLock(text ?? '{', 'lock.json')).toThrow(
      expect.objectContaining({ code: 'toolchain-lock' }) as Error,
    );
  });
});

it('roots that no build has used are removed, and those alone', async () => {
  const cache = join(folder, 'cache');
  const old = await lockOf({ tool: TOOL }, 'old');
  const recent = await lockOf({ tool: [{ name: './bin/tool', data: 'new' }] }, 'new');
  const [first, second] = [
    await assembleToolchain(old, npm, cache, { debian: debian(cache) }),
    await assembleToolchain(recent, npm, cache, { debian: debian(cache) }),
  ];
  const keys = join(cache, 'toolchains', 'keys');
  for (const key of await readdir(keys)) {
    const past = new Date('2020-01-01');
    if ((await readFile(join(keys, key), 'utf8')) === first.digest)
      await utimes(join(keys, key), past, past);
  }
  const before = new Date('2021-01-01');
  expect(await collectToolchains(cache, before)).toEqual([first.digest]);
  expect(await findToolchain(old, cache)).toBeUndefined();
  expect((await findToolchain(recent, cache))?.digest).toBe(second.digest);
  expect(await collectToolchains(join(folder, 'nothing'), before)).toEqual([]);
});

it('the operator’s settings are read from the environment, and a wrong one is named', () => {
  const read = (environment: Record<string, string>): unknown =>
    readOperatorSettings(environment, folder, false);
  expect(read({ TOOLCHAINS_DIR: '/locks', GOPROXY: 'https://go.example,direct' })).toMatchObject({
    toolchains: '/locks',
    registries: { goProxy: 'https://go.example', allowPrivate: false },
  });
  for (const name of ['DEBIAN_MIRROR', 'DEBIAN_SNAPSHOT', 'CRATES_URL'])
    expect(() => read({ [name]: 'ftp://example.org' })).toThrow(new RegExp(name));
});
