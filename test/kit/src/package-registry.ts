import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PackageRegistry {
  readonly url: string;
  /** Publishes files as `NAME@VERSION`; its integrity. */
  publish(
    name: string,
    version: string,
    files: ReadonlyMap<string, string | Uint8Array>,
  ): Promise<string>;
  /** What is answered at `/-/npm/v1/attestations/NAME@VERSION`. */
  attest(name: string, version: string, document: unknown): void;
  close(): Promise<void>;
}

/** An npm registry on loopback that packages are published to. */
export async function startPackageRegistry(): Promise<PackageRegistry> {
  const answers = new Map<string, Uint8Array>();
  const server = createServer((request, response) => {
    const found = answers.get(request.url ?? '');
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async publish(name, version, files) {
      const bytes = await pack(files);
      const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
      const base = name.split('/').at(-1) ?? name;
      const tarball = `/${name}/-/${base}-${version}.tgz`;
      const manifest = { name, version, dist: { integrity, tarball: url + tarball } };
      answers.set(tarball, bytes);
      answers.set(`/${name.replace('/', '%2f')}/${version}`, Buffer.from(JSON.stringify(manifest)));
      return integrity;
    },
    attest(name, version, document) {
      const path = `/-/npm/v1/attestations/${name.replace('/', '%2f')}@${version}`;
      answers.set(path, Buffer.from(JSON.stringify(document)));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** As `npm pack` would, everything in the folder `package`. */
async function pack(files: ReadonlyMap<string, string | Uint8Array>): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'publish-'));
  for (const [path, content] of files) {
    const place = join(folder, 'package', path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, content);
  }
  const archive = join(folder, 'packed.tgz');
  const fixed = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0'];
  await run('tar', [...fixed, '-C', folder, '-czf', archive, 'package']);
  const bytes = await readFile(archive);
  await rm(folder, { recursive: true });
  return bytes;
}
