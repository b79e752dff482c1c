import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Source } from '@touchstone/contract';
import { registryAbsent, startRegistry, type RunningRegistry } from '@touchstone/kit';
import { parseReference, pushArtifact, Repository } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateModule } from '../compare/locate.js';
import { RebuildError } from '../errors.js';
import { BlobStore } from './blob-store.js';
import { NpmSource } from './npm-source.js';
import { privateRegistry } from './oci-source.js';
import { Sources, type SourcesOptions } from './sources.js';
import { placeEntries } from './unpack.js';

const WASM = Buffer.from('0061736d01000000', 'hex');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let folder = '';
let server: Server;
let base = '';
let tarball: Buffer;
let commit = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sources-'));
  await mkdir(join(folder, 'r/src'), { recursive: true });
  await writeFile(join(folder, 'r/src/a.c'), 'int a;');
  await writeFile(join(folder, 'r/m.wasm'), WASM);
  const run = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: join(folder, 'r'),
      env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null' },
    }).toString();
  run('init', '-q');
  run('add', '-A');
  run('commit', '-q', '-m', 'a');
  commit = run('rev-parse', 'HEAD').trim();
  await mkdir(join(folder, 't/top'), { recursive: true });
  await writeFile(join(folder, 't/top/a'), 'x');
  execFileSync('ln', ['-s', 'a', join(folder, 't/top/link')]);
  tarball = execFileSync('tar', ['-C', join(folder, 't'), '-c', 'top']);
  server = createServer((request, response) => {
    if (request.url === '/away') response.writeHead(302, { location: '/plain.tar' }).end();
    else if (request.url === '/plain.tar') response.end(tarball);
    else response.end(gzipSync(tarball));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

function open(options: SourcesOptions): Promise<Sources> {
  const config = {
    registry: 'https://registry.invalid/',
    scopes: new Map<string, string>(),
    noProxy: [],
  };
  const npm = new NpmSource(new BlobStore(join(folder, 'cache/blobs')), config);
  return Sources.open(npm, join(folder, 'cache'), { download: { attempts: 1 }, ...options });
}

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof RebuildError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('a tarball at an address', () => {
  const at = (path: string, bytes: Uint8Array): Source => ({
    kind: 'tarball',
    url: base + path,
    sha256: sha256(bytes),
  });

  it.each([
    ['/plain.tar', (bytes: Buffer) => bytes],
    ['/away', (bytes: Buffer) => bytes],
    ['/x.tgz', (bytes: Buffer) => gzipSync(bytes)],
  ])('%s is fetched once, and its inner links are kept', async (path, pack) => {
    const sources = await open({ allowPrivate: true });
    const source = at(path, pack(tarball));
    const { entries, dependencies } = await sources.fetch(source);
    expect(dependencies).toEqual([
      { uri: base + path, digest: { sha256: sha256(pack(tarball)) }, name: 'source' },
    ]);
    const target = join(folder, `out${path.replaceAll('/', '-')}`);
    await placeEntries(entries, target);
    expect(await readFile(join(target, 'top/link'), 'utf8')).toBe('x');
    expect(await readlink(join(target, 'top/link'))).toBe('a');
  });

  it.each<[string, () => Source, SourcesOptions, string]>([
    ['other bytes', () => at('/plain.tar', WASM), { allowPrivate: true }, 'integrity-mismatch'],
    ['no TLS', () => at('/plain.tar', Buffer.from('1')), {}, 'host-not-allowed'],
    [
      'a private address',
      () => ({ kind: 'tarball', url: 'https://192.168.0.1/a', sha256: '0'.repeat(64) }),
      {},
      'address-not-allowed',
    ],
  ])('is refused with %s', async (_, source, options, code) => {
    expect(await codeOf((await open(options)).fetch(source()))).toBe(code);
  });

  it.each([
    ['out of the source', '../../etc/passwd'],
    ['to the root', '/etc/passwd'],
  ])('may not link %s', async (_, target) => {
    execFileSync('rm', ['-rf', join(folder, 'bad')]);
    await mkdir(join(folder, 'bad/top'), { recursive: true });
    execFileSync('ln', ['-s', target, join(folder, 'bad/top/link')]);
    tarball = execFileSync('tar', ['-C', join(folder, 'bad'), '-c', 'top']);
    const sources = await open({ allowPrivate: true });
    expect(await codeOf(sources.fetch(at('/plain.tar', tarball)))).toBe('tarball-type');
  });
});

describe.skipIf(registryAbsent !== undefined)(`an OCI artifact ${registryAbsent ?? ''}`, () => {
  let registry: RunningRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.close());

  const push = async (
    annotations: Record<string, string>,
    layers: { mediaType: string; bytes: Uint8Array }[] = [],
  ): Promise<Extract<Source, { kind: 'oci' }>> => {
    const repository = `${registry.host}/org/module`;
    const store = new Repository(parseReference(repository), privateRegistry(registry.host));
    const manifest = await pushArtifact(store, {
      artifactType: 'application/vnd.wasm.config.v0+json',
      ...{ layers, annotations },
    });
    return { kind: 'oci', repository, sha256: manifest.descriptor.digest.slice('sha256:'.length) };
  };

  it('stands for the commit that its annotations name', async () => {
    const artifact = await push({
      'org.opencontainers.image.source': `file://${folder}/r`,
      'org.opencontainers.image.revision': commit,
    });
    const sources = await open({ allowPrivate: true, allowFiles: true });
    const { entries, dependencies, committed } = await sources.fetch(artifact);
    expect(entries.map(({ path }) => path).sort()).toEqual(['source/m.wasm', 'source/src/a.c']);
    expect(committed).toBeGreaterThan(1_600_000_000);
    expect(dependencies.map(({ name, digest }) => [name, Object.keys(digest)[0]])).toEqual([
      ['source', 'sha256'],
      ['commit', 'gitCommit'],
    ]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['no annotations', {}, 'oci-no-source'],
    ['a branch', { source: 'https://h.test/r', revision: 'main' }, 'oci-no-source'],
    ['another transport', { source: 'ext::sh -c x', revision: '0'.repeat(40) }, 'oci-no-source'],
    [
      'a private host',
      { source: 'https://10.0.0.1/r', revision: '0'.repeat(40) },
      'address-not-allowed',
    ],
  ])('with %s is no source', async (_, short, code) => {
    const annotations = Object.fromEntries(
      Object.entries(short).map(([name, value]) => [`org.opencontainers.image.${name}`, value]),
    );
    const artifact = await push(annotations);
    const sources = await open({ allowPrivate: true });
    const strict = await open({});
    expect(await codeOf(strict.fetch(artifact))).toBe('address-not-allowed');
    if (code !== 'address-not-allowed') expect(await codeOf(sources.fetch(artifact))).toBe(code);
  });

  it('holds modules in layers, and in archives that are layers', async () => {
    const archive = gzipSync(execFileSync('tar', ['-C', join(folder, 'r'), '-c', 'm.wasm']));
    const artifact = await push({}, [
      { mediaType: 'application/wasm', bytes: WASM },
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', bytes: archive },
      { mediaType: 'application/octet-stream', bytes: Buffer.from('hello') },
    ]);
    const sources = await open({ allowPrivate: true });
    const { files, dependencies } = await sources.oci.files(artifact, undefined);
    const inner = `blobs/sha256/${sha256(archive)}/m.wasm`;
    for (const path of [`blobs/sha256/${sha256(WASM)}`, inner])
      expect(Buffer.from(locateModule(files, { kind: 'file', path }))).toEqual(WASM);
    expect(dependencies).toHaveLength(3);
    const one = await sources.oci.files(artifact, new Set([sha256(archive)]));
    expect([...one.files.keys()]).toEqual([inner.slice(0, -'/m.wasm'.length), inner]);
  });
});
