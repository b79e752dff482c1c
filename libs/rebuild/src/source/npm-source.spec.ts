import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPrivateAddress } from './address.js';
import { BlobStore } from './blob-store.js';
import { integrityHex, integrityOf } from './integrity.js';
import { NpmSource, type NpmSourceOptions } from './npm-source.js';
import { readRegistryConfig, registryOf, type RegistryConfig } from './registry-config.js';

const BYTES = Buffer.from('a tarball');
const PIN = { name: '@scope/thing', version: '1.0.0', integrity: integrityOf(BYTES) };

let folder = '';
let servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npm-source-'));
});
afterEach(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  servers = [];
  await rm(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function sourceOf(registry: string, options: NpmSourceOptions = {}): NpmSource {
  const config: RegistryConfig = { registry, scopes: new Map(), noProxy: [] };
  return new NpmSource(new BlobStore(join(folder, 'blobs')), config, {
    allowPrivate: true,
    backoff: 1,
    ...options,
  });
}

describe('NpmSource', () => {
  it('fetches once, by the conventional URL, and then reads its own copy', async () => {
    const asked: string[] = [];
    const registry = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end(BYTES);
    });
    const source = sourceOf(registry);
    expect(Buffer.from(await source.tarball(PIN))).toEqual(BYTES);
    expect(Buffer.from(await source.tarball(PIN))).toEqual(BYTES);
    expect(asked).toEqual(['/@scope/thing/-/thing-1.0.0.tgz']);
  });

  it('fetches again when its copy was damaged', async () => {
    const registry = await serve((_, response) => response.end(BYTES));
    const source = sourceOf(registry);
    await source.tarball(PIN);
    const blob = join(folder, 'blobs/sha512', integrityHex(PIN.integrity));
    await writeFile(blob, 'damaged');
    expect(Buffer.from(await source.tarball(PIN))).toEqual(BYTES);
    expect(await readFile(blob)).toEqual(BYTES);
  });

  it('asks the metadata when the tarball is kept elsewhere', async () => {
    let base = '';
    base = await serve(({ url }, response) => {
      if (url === '/@scope%2fthing/1.0.0')
        response.end(JSON.stringify({ dist: { tarball: `${base}files/x.tgz` } }));
      else if (url === '/files/x.tgz') response.end(BYTES);
      else response.writeHead(404).end();
    });
    expect(Buffer.from(await sourceOf(base).tarball(PIN))).toEqual(BYTES);
  });

  it('tries again after failures of the server and of the network', async () => {
    let asked = 0;
    const registry = await serve((request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(503).end();
      else if (asked === 2) request.socket.destroy();
      else response.end(BYTES);
    });
    expect(Buffer.from(await sourceOf(registry).tarball(PIN))).toEqual(BYTES);
    expect(asked).toBe(3);
  });

  it.each<[string, string, RequestListener, NpmSourceOptions]>([
    ['other bytes', 'integrity-mismatch', (_, response) => response.end('evil'), {}],
    ['too many bytes', 'too-large', (_, response) => response.end(BYTES), { maxBytes: 4 }],
    ['nothing', 'source-not-found', (_, response) => response.writeHead(404).end(), {}],
    ['errors only', 'source-unreachable', (_, response) => response.writeHead(500).end(), {}],
    ['a refusal', 'source-unreachable', (_, response) => response.writeHead(403).end(), {}],
    [
      'a redirect to another host',
      'host-not-allowed',
      (_, response) => response.writeHead(302, { location: 'http://localhost:1/x' }).end(),
      {},
    ],
    [
      'redirects without end',
      'source-unreachable',
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
      {},
    ],
    ['no byte', 'source-unreachable', () => undefined, { idleTimeout: 50, attempts: 2 }],
    [
      'a body that stalls',
      'source-unreachable',
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('a');
      },
      { idleTimeout: 50, attempts: 2 },
    ],
    ['its own address, unasked', 'address-not-allowed', () => undefined, { allowPrivate: false }],
  ])('answers %s with %s and keeps no file', async (_, code, listener, options) => {
    const source = sourceOf(await serve(listener), options);
    await expect(source.tarball(PIN)).rejects.toMatchObject({ code });
    expect(await readdir(join(folder, 'blobs', 'sha512')).catch(() => [])).toEqual([]);
    const left = await readdir(join(folder, 'blobs')).catch(() => []);
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('refuses a name that resolves to a local address, when it connects', async () => {
    const registry = await serve((_, response) => response.end(BYTES));
    const byName = registry.replace('127.0.0.1', 'localhost');
    const source = sourceOf(byName, { allowPrivate: false });
    await expect(source.tarball(PIN)).rejects.toMatchObject({ code: 'address-not-allowed' });
  });

  it('asks through the proxy that npm names, but for exempt hosts', async () => {
    const asked: string[] = [];
    const proxy = await serve(() => undefined);
    servers[0]?.on('connect', ({ url }, socket) => {
      asked.push(url ?? '');
      socket.end('HTTP/1.1 403 no\r\n\r\n');
    });
    const through = sourceOf('https://registry.test/', { proxy, attempts: 1 });
    await expect(through.tarball(PIN)).rejects.toMatchObject({ code: 'source-unreachable' });
    expect(asked).toEqual(['registry.test:443']);
    const direct = sourceOf('https://localhost:1/', { proxy, noProxy: ['localhost'], attempts: 1 });
    await expect(direct.tarball(PIN)).rejects.toMatchObject({ code: 'source-unreachable' });
    expect(asked).toHaveLength(1);
  });

  it('stops when it is aborted', async () => {
    const abort = new AbortController();
    const registry = await serve(() => abort.abort());
    await expect(sourceOf(registry).tarball(PIN, abort.signal)).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});

describe('isPrivateAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::7f00:1',
    'not an address',
  ])('%s is', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1', '::ffff:1.1.1.1'])('%s is not', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });
});

describe('readRegistryConfig', () => {
  it("takes npm's files and variables, the nearest last", async () => {
    const [home, project] = [join(folder, 'home'), join(folder, 'project')];
    await mkdir(home);
    await mkdir(project);
    await mkdir(join(folder, 'etc'));
    await writeFile(join(folder, 'etc/npmrc'), 'cafile=../ca.pem\nregistry=https://global.test\n');
    await writeFile(join(folder, 'ca.pem'), 'PEM');
    await writeFile(join(home, '.npmrc'), '; note\nregistry = "https://user.test/npm"\n');
    await writeFile(join(project, '.npmrc'), '@scope:registry=https://${HOST}/\n');
    const config = await readRegistryConfig({
      environment: { HOST: 'scope.test', NO_PROXY: 'localhost,.corp' },
      home,
      folder: project,
      execPath: join(folder, 'bin/node'),
    });
    expect(config.ca).toBe('PEM');
    expect(config.noProxy).toEqual(['localhost', '.corp']);
    expect(registryOf(config, 'left-pad')).toBe('https://user.test/npm/');
    expect(registryOf(config, '@scope/thing')).toBe('https://scope.test/');
    expect(registryOf(config, '@other/thing')).toBe('https://user.test/npm/');
  });

  it('lets the environment win, and refuses what is no URL', async () => {
    const input = { home: folder, folder, execPath: join(folder, 'bin/node') };
    const config = await readRegistryConfig({
      ...input,
      environment: { npm_config_registry: 'https://env.test/' },
    });
    expect(config.registry).toBe('https://env.test/');
    const bad = readRegistryConfig({ ...input, environment: { NPM_CONFIG_REGISTRY: 'file:///x' } });
    await expect(bad).rejects.toMatchObject({ code: 'registry-config' });
  });
});
