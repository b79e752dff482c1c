import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Composition, type OciArtifact, type Source } from '@touchstone/contract';
import { registryAbsent, startRegistry, type RunningRegistry } from '@touchstone/kit';
import { parseReference, Repository } from '@touchstone/oci';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fetchDependencies } from '../dependencies/fetch-dependencies.js';
import { hashFiles } from '../dependencies/go-sum.js';
import { dependencySources } from '../dependencies/sources.js';
import { zipOf } from '../osv/testdata/zip.js';
import { debOf, tarOf } from '../toolchain/archive.fixture.js';
import { DebianSource } from '../toolchain/debian/debian-source.js';
import type { ResolvedDependency } from '../toolchain/root-inputs.js';
import { ToolchainLock } from '../toolchain/toolchain-lock.js';
import { assembleToolchain } from '../toolchain/toolchain.js';
import { removeTree } from '../toolchain/tree.js';
import { BlobStore } from './blob-store.js';
import { integrityOf, sha256Hex } from './integrity.js';
import { NpmSource } from './npm-source.js';
import { privateRegistry } from './oci-source.js';
import { Sources } from './sources.js';

// All that a rebuild fetches comes through a server here that takes note of what it hands out; and
// whatever it handed out, the record has to name by its digest. Git's packs alone are not held
// against it: their objects are named by the commit, and read and hashed one by one (git-source.spec).
const WASM = Buffer.from('0061736d01000000', 'hex');
const packed = (path: string, data: Uint8Array | string): Buffer =>
  gzipSync(tarOf([{ name: path, data }]));
const files = new Map<string, Uint8Array>();
let sent: Buffer[] = [];
let server: Server;
let registry: RunningRegistry | undefined;
let host = '';
let folder = '';
let sources: Sources;
let npm: NpmSource;

async function answer(request: IncomingMessage): Promise<{ status: number; body: Buffer }> {
  const path = request.url ?? '';
  const found = files.get(path);
  if (found !== undefined) return { status: 200, body: Buffer.from(found) };
  if (registry === undefined || !path.startsWith('/v2/')) return { status: 404, body: Buffer.of() };
  const headers = { accept: request.headers.accept ?? '*/*' };
  const behind = await fetch(`http://${registry.host}${path}`, { headers });
  return { status: behind.status, body: Buffer.from(await behind.arrayBuffer()) };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fetched-'));
  registry = registryAbsent === undefined ? await startRegistry() : undefined;
  server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      if (status === 200 && request.url !== '/v2/') sent.push(body);
      response.writeHead(status).end(body);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    registry: `http://${host}/npm/`,
    scopes: new Map<string, string>(),
    noProxy: [],
  };
  npm = new NpmSource(new BlobStore(join(folder, 'blobs')), config, { allowPrivate: true });
  sources = await Sources.open(npm, folder, { allowPrivate: true, allowFiles: true });
});
afterEach(() => {
  sent = [];
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await registry?.close();
  await removeTree(folder);
});

function expectNamed(dependencies: readonly ResolvedDependency[], atLeast: number): void {
  expect(sent.length).toBeGreaterThanOrEqual(atLeast);
  const named = new Set(dependencies.flatMap(({ digest }) => Object.values(digest)));
  for (const bytes of sent) {
    const digests = ['sha256', 'sha512'].map((name) =>
      createHash(name).update(bytes).digest('hex'),
    );
    const what = `${bytes.length} bytes: ${bytes.toString('latin1', 0, 80)}`;
    expect([what, digests.some((digest) => named.has(digest))]).toEqual([what, true]);
  }
}

function publish(name: string, path: string, data: Uint8Array | string) {
  const bytes = packed(path, data);
  files.set(`/npm/${name}/-/${name}-1.0.0.tgz`, bytes);
  return { kind: 'npm', name, version: '1.0.0', integrity: integrityOf(bytes) } as const;
}

describe('every fetched byte is named', () => {
  it('of a tarball of npm, and of one at an address', async () => {
    const tarball = packed('top/a.c', 'int a;');
    files.set('/a.tgz', tarball);
    for (const source of [
      publish('plain', 'package/a.c', 'int b;'),
      { kind: 'tarball', url: `http://${host}/a.tgz`, sha256: sha256Hex(tarball) },
    ] as Source[]) {
      sent = [];
      expectNamed((await sources.fetch(source)).dependencies, 1);
    }
  });

  it('of lock files: crates, Go modules with their go.mod, packages', async () => {
    const crate = packed('mark-0.2.1/src/lib.rs', '// mark');
    files.set('/crates/mark/mark-0.2.1.crate', crate);
    const mod = Buffer.from('module example.org/mark\n');
    const file = 'example.org/mark@v0.2.1/version.json';
    const zip = zipOf({ [file]: '0.2.1' });
    files.set('/go/example.org/mark/@v/v0.2.1.mod', mod);
    files.set('/go/example.org/mark/@v/v0.2.1.zip', zip);
    const hash = (name: string, bytes: Uint8Array): string =>
      hashFiles([{ name, sha256: sha256Hex(bytes) }]);
    const { integrity } = publish('dep', 'package/index.js', '1');
    const locks = {
      'Cargo.lock': `version = 4\n[[package]]\nname = "mark"\nversion = "0.2.1"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${sha256Hex(crate)}"\n`,
      'go.sum': `example.org/mark v0.2.1 ${hash(file, Buffer.from('"0.2.1"'))}\nexample.org/mark v0.2.1/go.mod ${hash('go.mod', mod)}\n`,
      'package-lock.json': JSON.stringify({
        lockfileVersion: 3,
        packages: { '': {}, 'node_modules/dep': { version: '1.0.0', integrity } },
      }),
    };
    const workspace = join(folder, 'work');
    await mkdir(join(workspace, 'package'), { recursive: true });
    for (const [name, text] of Object.entries(locks))
      await writeFile(join(workspace, 'package', name), text);
    const from = dependencySources(npm, folder, {
      ...{ allowPrivate: true, crates: `http://${host}/crates`, goProxy: `http://${host}/go` },
    });
    const kinds = ['cargo', 'go', 'npm'] as const;
    const dependencies = Object.keys(locks).map((name, at) => ({
      ...{ kind: kinds[at]!, lockfile: `package/${name}` },
    }));
    const { resolved } = await fetchDependencies({ dependencies }, workspace, from);
    expectNamed(resolved, 4);
  });

  it('of a toolchain: packages of Debian and of npm', async () => {
    const deb = debOf([{ name: './bin/tool', data: 'tool', mode: 0o755 }]);
    files.set('/debian/pool/main/tool.deb', deb);
    const { kind: _, ...pin } = publish('tool', 'package/tool.js', '1');
    const packages = [
      {
        ...{ name: 'tool', version: '1.0', architecture: 'all', path: 'pool/main/tool.deb' },
        ...{ sha256: sha256Hex(deb), size: deb.length },
      },
    ];
    const lock = ToolchainLock.parse({
      schema: 'https://touchstone.dev/toolchain-lock/v1',
      ...{ name: 'tool', version: '1.0', lineage: 'debian' },
      packages: [{ ...pin, path: '/toolchain/tool' }],
      debian: { suite: 'test', architectures: { x64: packages, arm64: packages } },
      commands: { tool: { argv: ['/usr/bin/tool'] } },
    });
    const mirror = `http://${host}/debian/`;
    const debian = new DebianSource(folder, { mirror, allowPrivate: true, attempts: 1 });
    const { dependencies } = await assembleToolchain(lock, npm, folder, { debian });
    expectNamed(dependencies, 2);
  });

  describe.skipIf(registryAbsent !== undefined)(`of a registry ${registryAbsent ?? ''}`, () => {
    /** An image whose configuration has these labels. */
    async function push(
      labels: Record<string, string>,
      ...layers: Uint8Array[]
    ): Promise<OciArtifact> {
      const behind = `${registry?.host ?? ''}/org/image`;
      const transport = privateRegistry(registry?.host ?? '');
      const store = new Repository(parseReference(behind), transport);
      const config = Buffer.from(JSON.stringify({ config: { Labels: labels } }));
      const descriptor = (mediaType: string, bytes: Uint8Array): object => ({
        ...{ mediaType, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length },
      });
      for (const blob of [config, ...layers]) await store.pushBlob(blob);
      const type = 'application/vnd.oci.image';
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: `${type}.manifest.v1+json`,
        config: descriptor(`${type}.config.v1+json`, config),
        layers: layers.map((layer) => descriptor(`${type}.layer.v1.tar+gzip`, layer)),
      });
      const put = await fetch(
        `http://${registry?.host ?? ''}/v2/org/image/manifests/sha256:${sha256Hex(Buffer.from(manifest))}`,
        {
          ...{ method: 'PUT', body: manifest },
          headers: { 'content-type': `${type}.manifest.v1+json` },
        },
      );
      expect(put.status).toBe(201);
      const sha256 = sha256Hex(Buffer.from(manifest));
      return { kind: 'oci', repository: `${host}/org/image`, sha256 };
    }

    it('layers of an artifact, beside its manifest', async () => {
      const artifact = await push({}, packed('a.wasm', WASM), Buffer.from('no archive'));
      const { dependencies } = await sources.oci.files(artifact, undefined);
      // The manifest is the artifact itself, by the digest that the recipe pins.
      expectNamed([...dependencies, { uri: '', digest: { sha256: artifact.sha256 } }], 3);
    });

    it('the configuration whose labels name the commit', async () => {
      const labels = {
        'org.opencontainers.image.source': `https://${host}/r`,
        'org.opencontainers.image.revision': '0'.repeat(40),
      };
      const artifact = await push(labels);
      const { dependencies } = await sources.oci.sourceOf(artifact);
      expectNamed([...dependencies, { uri: '', digest: { sha256: artifact.sha256 } }], 2);
    });

    it('what the components of a composition are taken out of', async () => {
      const [a, b, c, d] = [1, 2, 3, 4].map((n) => Buffer.from([...WASM, 0, 2, 1, n]));
      const layer = packed('b.wasm', b!);
      files.set('/d.wasm', d!);
      const { kind: _, ...pin } = publish('component', 'package/a.wasm', a!);
      const from = [
        { kind: 'npm', ...pin, path: 'package/a.wasm' },
        await push({ x: 'b' }, layer),
        await push({ x: 'c' }, c!),
        { kind: 'url', url: `http://${host}/d.wasm` },
      ];
      const digests = [a, b, c, d].map((bytes) => sha256Hex(bytes!));
      const names = ['a', 'b', 'c', 'd'];
      const composition = Composition.parse({
        kind: 'composition',
        plan: {
          schema: 'https://touchstone.dev/composition-plan/v1',
          plug: { socket: 'a', plugs: ['b', 'c', 'd'] },
          components: Object.fromEntries(names.map((n, at) => [n, { sha256: digests[at] }])),
        },
        components: digests.map((sha256, at) => ({ sha256, from: from[at] })),
      });
      const { dependencies } = await sources.fetch(composition);
      expectNamed(dependencies, 6);
      for (const sha256 of digests)
        expect(dependencies).toContainEqual(
          expect.objectContaining({ digest: { sha256 }, name: 'component' }),
        );
    });
  });
});
