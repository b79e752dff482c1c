import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RecipeDependencies } from '@touchstone/contract';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { BlobStore } from '../source/blob-store.js';
import { integrityOf, sha256Hex } from '../source/integrity.js';
import { NpmSource } from '../source/npm-source.js';
import { tarOf, type Member } from '../toolchain/archive.fixture.js';
import { removeTree } from '../toolchain/tree.js';
import { fetchDependencies } from './fetch-dependencies.js';
import { hashFiles, parseGoSum } from './go-sum.js';
import { dependencySources, type FetchedDependencies } from './sources.js';

let folder = '';
let workspace = '';
let server: Server;
let url = '';
const files = new Map<string, Uint8Array>();
const asked: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dependencies-'));
  workspace = join(folder, 'work');
  await mkdir(join(workspace, 'package'), { recursive: true });
  files.clear();
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const found = files.get(request.url ?? '');
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await removeTree(folder);
});

const packed = (...members: Member[]): Buffer => gzipSync(tarOf(members));

function npmOf(): NpmSource {
  const config = { registry: `${url}/npm/`, scopes: new Map<string, string>(), noProxy: [] };
  const blobs = new BlobStore(join(folder, 'cache', 'blobs'));
  return new NpmSource(blobs, config, { allowPrivate: true, attempts: 1 });
}

async function fetchAll(
  kind: RecipeDependencies['kind'],
  lockfile: string,
  text: string,
): Promise<FetchedDependencies> {
  await writeFile(join(workspace, 'package', lockfile), text);
  const network = { allowPrivate: true, attempts: 1 };
  const sources = dependencySources(npmOf(), join(folder, 'cache'), {
    ...{ ...network, crates: `${url}/crates/`, goProxy: `${url}/go` },
  });
  return fetchDependencies(
    { dependencies: [{ kind, lockfile: `package/${lockfile}` }] },
    workspace,
    sources,
  );
}

const crate = packed({ name: 'mark-0.2.1/src/lib.rs', data: '// mark' });
const cargoLock = (
  checksum = sha256Hex(crate),
  source = 'registry+https://github.com/rust-lang/crates.io-index',
): string =>
  `version = 4\n[[package]]\nname = "tally"\nversion = "0.1.0"\n[[package]]\nname = "mark"\nversion = "0.2.1"\nsource = "${source}"\n${checksum === '' ? '' : `checksum = "${checksum}"\n`}`;

describe('crates by Cargo.lock', () => {
  it('lie where cargo looks, recorded by their checksums, and are kept', async () => {
    files.set('/crates/mark/mark-0.2.1.crate', crate);
    const { resolved } = await fetchAll('cargo', 'Cargo.lock', cargoLock());
    expect(resolved).toEqual([
      { uri: 'pkg:cargo/mark@0.2.1', digest: { sha256: sha256Hex(crate) } },
    ]);
    const place = join(workspace, '.dependencies/cargo/mark-0.2.1');
    expect(await readFile(join(place, 'src/lib.rs'), 'utf8')).toBe('// mark');
    expect(JSON.parse(await readFile(join(place, '.cargo-checksum.json'), 'utf8'))).toEqual({
      files: {},
      package: sha256Hex(crate),
    });
    expect(await readFile(join(workspace, '.cargo/config.toml'), 'utf8')).toContain(
      '.dependencies/cargo',
    );
    await removeTree(workspace);
    await mkdir(join(workspace, 'package'), { recursive: true });
    await fetchAll('cargo', 'Cargo.lock', cargoLock());
    expect(asked).toEqual(['/crates/mark/mark-0.2.1.crate']);
  });

  it.each<[string, string, string, () => void]>([
    [
      'another crate in its place',
      'dependency-mismatch',
      cargoLock('0'.repeat(64)),
      () => files.set('/crates/mark/mark-0.2.1.crate', crate),
    ],
    ['a crate that is gone', 'dependency-unavailable', cargoLock(), () => undefined],
    [
      'a crate of git',
      'dependencies-unsupported',
      cargoLock('', 'git+https://example.org/mark#abc'),
      () => undefined,
    ],
    ['no checksum', 'dependencies-unsupported', cargoLock(''), () => undefined],
    ['no TOML', 'dependencies-malformed', '[[package', () => undefined],
    [
      'a name that is a path',
      'dependencies-malformed',
      cargoLock().replace('"mark"', '"../mark"'),
      () => undefined,
    ],
  ])('%s: %s', async (_, code, text, prepare) => {
    prepare();
    await expect(fetchAll('cargo', 'Cargo.lock', text)).rejects.toMatchObject({ code });
  });

  it('files of a crate outside of its folder are refused', async () => {
    const hostile = packed({ name: 'other-1.0.0/lib.rs', data: 'x' });
    files.set('/crates/mark/mark-0.2.1.crate', hostile);
    const text = cargoLock(sha256Hex(hostile));
    await expect(fetchAll('cargo', 'Cargo.lock', text)).rejects.toMatchObject({
      code: 'dependencies-malformed',
    });
  });

  it('a source that brings the folders itself is refused', async () => {
    files.set('/crates/mark/mark-0.2.1.crate', crate);
    await symlink('/tmp', join(workspace, '.dependencies'));
    await expect(fetchAll('cargo', 'Cargo.lock', cargoLock())).rejects.toMatchObject({
      code: 'dependencies-unsupported',
    });
  });
});

describe('modules by go.sum', () => {
  const mod = Buffer.from('module example.org/Mark\n');
  const hash = hashFiles([{ name: 'go.mod', sha256: sha256Hex(mod) }]);

  it('lie as the proxy protocol has them, upper case escaped', async () => {
    files.set('/go/example.org/!mark/@v/v0.2.1.mod', mod);
    const { environment } = await fetchAll(
      'go',
      'go.sum',
      `example.org/Mark v0.2.1/go.mod ${hash}\n`,
    );
    expect(environment).toEqual({ GOPROXY: 'file://{workspace}/.dependencies/go' });
    const place = join(workspace, '.dependencies/go/example.org/!mark/@v');
    expect((await readdir(place)).sort()).toEqual(['v0.2.1.info', 'v0.2.1.mod']);
  });

  it.each([
    [
      'another module in its place',
      'dependency-mismatch',
      `example.org/Mark v0.2.1/go.mod h1:${'A'.repeat(43)}=`,
    ],
    ['a module that is gone', 'dependency-unavailable', `example.org/none v0.2.1/go.mod ${hash}`],
    ['a path that leads out', 'dependencies-malformed', `example.org/../x v0.2.1/go.mod ${hash}`],
    ['no sum', 'dependencies-malformed', 'hello'],
    ['a zip that is none', 'dependencies-malformed', `example.org/Mark v0.2.1 ${hash}`],
  ])('%s: %s', async (_, code, text) => {
    files.set('/go/example.org/!mark/@v/v0.2.1.mod', mod);
    files.set('/go/example.org/!mark/@v/v0.2.1.zip', mod);
    await expect(fetchAll('go', 'go.sum', text)).rejects.toMatchObject({ code });
  });

  it('more than provenance can name are refused before the first is fetched', async () => {
    const lines = Array.from(
      { length: 3501 },
      (_, at) => `example.org/m${at} v0.2.1/go.mod ${hash}\n`,
    );
    await expect(fetchAll('go', 'go.sum', lines.join(''))).rejects.toMatchObject({
      code: 'dependencies-unsupported',
    });
    expect(asked).toEqual([]);
  });

  it('any text gives sums or a code', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          parseGoSum(text);
        } catch (error) {
          expect(error).toBeInstanceOf(RebuildError);
        }
      }),
      { numRuns: 200, seed: 11 },
    );
  });
});

describe('packages by package-lock.json', () => {
  const tgz = packed({ name: 'package/index.ts', data: 'export {}' });
  const locked = (path: string, entry: object): string =>
    JSON.stringify({ lockfileVersion: 3, packages: { '': { name: 'root' }, [path]: entry } });
  const honest = { version: '1.0.0', integrity: integrityOf(tgz) };

  it('lie in node_modules', async () => {
    files.set('/npm/@a/b/-/b-1.0.0.tgz', tgz);
    const { resolved } = await fetchAll(
      'npm',
      'package-lock.json',
      locked('node_modules/@a/b', honest),
    );
    expect(resolved[0]?.uri).toBe('pkg:npm/%40a/b@1.0.0');
    const place = join(workspace, 'package/node_modules/@a/b/index.ts');
    expect(await readFile(place, 'utf8')).toBe('export {}');
  });

  it.each<[string, string, string]>([
    ['a package that is gone', 'dependency-unavailable', locked('node_modules/b', honest)],
    ['a link', 'dependencies-unsupported', locked('node_modules/b', { ...honest, link: true })],
    [
      'a way out',
      'dependencies-unsupported',
      locked('node_modules/../../b', { ...honest, name: 'b' }),
    ],
    ['no integrity', 'dependencies-unsupported', locked('node_modules/b', { version: '1.0.0' })],
    ['an older format', 'dependencies-malformed', '{"lockfileVersion":1,"packages":{}}'],
    ['no JSON', 'dependencies-malformed', '{'],
  ])('%s: %s', async (_, code, text) => {
    await expect(fetchAll('npm', 'package-lock.json', text)).rejects.toMatchObject({ code });
  });

  it('no lock file', async () => {
    const sources = dependencySources(npmOf(), folder);
    await symlink('/etc/hostname', join(workspace, 'package', 'linked'));
    for (const lockfile of ['package/none', 'package/linked'])
      await expect(
        fetchDependencies({ dependencies: [{ kind: 'npm', lockfile }] }, workspace, sources),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^dependencies-/) as string });
  });
});
