import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { EXIT } from '../failure.js';
import { registerToolchain } from './toolchain.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-toolchain-'));
  await mkdir(join(dir, 'debs'));
  await writeLock('one');
});
afterAll(() => removeTree(dir));

/** A package with one file, and a lock that pins it. */
async function writeLock(content: string): Promise<void> {
  const tree = join(dir, content, 'usr', 'bin');
  await mkdir(tree, { recursive: true });
  await writeFile(join(tree, 'tool'), content, { mode: 0o755 });
  const data = execFileSync('tar', ['-C', join(dir, content), '-cf', '-', './usr']);
  const member = (name: string, bytes: Uint8Array): Buffer => {
    const header = `${name.padEnd(48)}${String(bytes.length).padEnd(10)}\`\n`;
    return Buffer.concat([Buffer.from(header), bytes]);
  };
  const deb = Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('data.tar', data),
  ]);
  const sha256 = createHash('sha256').update(deb).digest('hex');
  await writeFile(join(dir, 'debs', `${content}.deb`), deb);
  const pin = { name: 'tool', version: '1', architecture: 'all', sha256, size: deb.length };
  const pins = [{ ...pin, path: 'pool/main/t/tool_1_all.deb' }];
  const lock = {
    schema: 'https://touchstone.dev/toolchain-lock/v1',
    ...{ name: 'tool', version: content, lineage: 'debian', packages: [] },
    debian: { suite: 'test', architectures: { x64: pins, arm64: pins } },
    commands: { tool: { argv: ['/usr/bin/tool'] } },
  };
  await writeFile(join(dir, `${content}.json`), JSON.stringify(lock));
}

function touchstone(...args: string[]): Promise<Ran> {
  const places = ['--cache', join(dir, 'cache'), '--toolchains', join(dir, 'locks')];
  const environment = { DEBIAN_MIRROR: 'http://127.0.0.1:9', DEB_FOLDERS: join(dir, 'debs') };
  return runCommand([registerToolchain], ['toolchain', ...args, ...places], environment);
}

interface Row {
  name: string;
  version: string;
  origin: string;
  digest?: { sha256: string };
}

describe('touchstone toolchain', () => {
  it('adds, builds, lists, verifies, packs and removes', async () => {
    expect((await touchstone('verify', 'tool@one')).error).toBe('toolchain-unknown');
    expect((await touchstone('add', join(dir, 'one.json'))).code).toBe(EXIT.ok);
    expect(await touchstone('verify', 'tool@one')).toMatchObject({
      code: EXIT.absent,
      error: 'toolchain-not-built',
    });
    const built = JSON.parse((await touchstone('build', 'tool@one', '--json')).out) as Row;
    const rows = JSON.parse((await touchstone('ls', '--json')).out) as Row[];
    expect(rows.find(({ name }) => name === 'tool')).toMatchObject({
      ...{ version: 'one', origin: 'operator', digest: built.digest },
    });
    expect(rows.some(({ name, origin }) => name === 'wabt' && origin === 'shipped')).toBe(true);
    expect((await touchstone('verify', 'tool@one')).code).toBe(EXIT.ok);

    expect((await touchstone('export', 'tool@one', '--out', join(dir, 'media'))).code).toBe(
      EXIT.ok,
    );
    expect(await readdir(join(dir, 'media', 'files'))).toEqual(['tool_1_all.deb']);
    expect((await touchstone('import', join(dir, 'media'))).out).toBe('tool@one\n1 files\n');

    expect((await touchstone('gc', '--unused-for', '1')).out).toBe('nothing to remove\n');
    const gone = await touchstone('gc', '--unused-for', '0');
    expect(gone.out).toBe(`${built.digest?.sha256 ?? ''}\n`);
  });

  it('says which file differs from another organisation’s root, and which was changed', async () => {
    await writeLock('two');
    for (const name of ['one', 'two']) {
      await touchstone('add', join(dir, `${name}.json`));
      await touchstone('build', `tool@${name}`);
      await touchstone('export', `tool@${name}`, '--out', join(dir, `media-${name}`));
    }
    const theirs = join(dir, 'media-two', 'tree');
    expect((await touchstone('verify', 'tool@two', '--tree', theirs)).code).toBe(EXIT.ok);
    expect(await touchstone('verify', 'tool@one', '--tree', theirs)).toMatchObject({
      code: EXIT.refuted,
      error: 'toolchain-differs',
    });
    const { root } = JSON.parse((await touchstone('build', 'tool@one', '--json')).out) as {
      root: string;
    };
    execFileSync('chmod', ['u+w', join(root, 'usr/bin')]);
    await writeFile(join(root, 'usr/bin/more'), 'x');
    expect((await touchstone('verify', 'tool@one')).error).toBe('toolchain-mismatch');
  });

  it('names an image, and refuses one without a digest or commands', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const lock = (...args: string[]): ReturnType<typeof touchstone> =>
      touchstone('lock', 'image', `docker.io/tinygo/tinygo@${digest}`, '--arch', 'x64', ...args);
    const made = await lock('--as', '0.39.0', '--command', '/usr/local/tinygo/bin/tinygo');
    expect(made.code).toBe(EXIT.ok);
    const text = await readFile(join(dir, 'locks', 'tinygo-0.39.0.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      lineage: 'operator',
      image: { architectures: { x64: { digest } } },
      commands: { tinygo: { argv: ['/usr/local/tinygo/bin/tinygo'] } },
    });
    expect((await lock()).code).toBe(EXIT.usage);
    const bare = await touchstone('lock', 'image', 'tinygo', '--as', '1', '--command', '/bin/x');
    expect(bare.code).toBe(EXIT.usage);
  });

  it('a file that is nowhere makes no root', async () => {
    await writeLock('three');
    await touchstone('add', join(dir, 'three.json'));
    await rename(join(dir, 'debs', 'three.deb'), join(dir, 'three.deb'));
    expect((await touchstone('build', 'tool@three')).error).toBe('toolchain-file-unavailable');
  });

  it.each([
    ['ls', '--nonsense'],
    ['build', 'no-version'],
    ['lock', 'rpm', 'clang@22'],
    ['lock', 'npm', 'assemblyscript'],
    ['gc', '--unused-for', 'ever'],
  ])('%s %s: wrong usage', async (...args) => {
    const { code, error } = await touchstone(...args);
    expect(code === EXIT.usage || error.startsWith('commander.')).toBe(true);
  });
});
