import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

const run = promisify(execFile);
const PROJECTS = fileURLToPath(
  new URL('../../libs/rebuild/src/dependencies/testdata/', import.meta.url),
);

export interface LoopbackRegistry {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Of the npm package `@loopback/tally-LANGUAGE`, which holds a project's source. */
  integrity(language: 'rust' | 'go'): string;
  /** SHA-256 of the crate that the Rust project depends on. */
  readonly crateChecksum: string;
  close(): Promise<void>;
}

/**
 * Three registries on loopback: of npm, with the sources of two projects of our own as packages;
 * of crates and of Go modules, with one dependency each.
 */
export async function startRegistry(): Promise<LoopbackRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  const files = new Map<string, Uint8Array>();
  const crate = await packCrate(folder);
  files.set('/crates/mark/mark-0.2.1.crate', crate);
  const module = join(PROJECTS, 'go-module');
  files.set('/go/example.org/!mark/@v/v0.2.1.mod', await readFile(join(module, 'go.mod')));
  files.set('/go/example.org/!mark/@v/v0.2.1.zip', await zipModule(module));
  for (const language of ['rust', 'go'] as const)
    files.set(
      `/@loopback/tally-${language}/-/tally-${language}-0.1.0.tgz`,
      await packProject(folder, language, crate),
    );
  await rm(folder, { recursive: true });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const found = files.get(path);
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    crateChecksum: createHash('sha256').update(crate).digest('hex'),
    integrity: (language) => {
      const bytes = files.get(`/@loopback/tally-${language}/-/tally-${language}-0.1.0.tgz`) ?? '';
      return `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
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

async function packCrate(folder: string): Promise<Uint8Array> {
  await cp(join(PROJECTS, 'crate'), join(folder, 'mark-0.2.1'), { recursive: true });
  return tarball(folder, 'mark-0.2.1');
}

/** A project as `npm pack` would pack it; of the Rust one the lock file pins the crate made here. */
async function packProject(
  folder: string,
  language: 'rust' | 'go',
  crate: Uint8Array,
): Promise<Uint8Array> {
  const place = join(folder, language);
  await mkdir(place);
  await cp(join(PROJECTS, language), join(place, 'package'), { recursive: true });
  if (language === 'rust') {
    const lock = join(place, 'package', 'Cargo.lock');
    const checksum = createHash('sha256').update(crate).digest('hex');
    const text = await readFile(lock, 'utf8');
    await writeFile(lock, text.replace(/^checksum = ".*"$/m, `checksum = "${checksum}"`));
  }
  return tarball(place, 'package');
}

async function tarball(folder: string, name: string): Promise<Uint8Array> {
  const archive = join(folder, 'packed.tgz');
  await run('tar', [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--mtime=@0',
    '-C',
    folder,
    '-czf',
    archive,
    name,
  ]);
  return readFile(archive);
}

/** Stored without compression: local headers, the central directory, its end record. */
async function zipModule(folder: string): Promise<Uint8Array> {
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const file of (await readdir(folder)).sort()) {
    const data = await readFile(join(folder, file));
    const name = Buffer.from(`example.org/Mark@v0.2.1/${file}`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    locals.push(Buffer.from('PK\u0003\u0004'), common, name, data);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\u0001\u0002\u0014\u0000'), common, place, name);
    offset += 30 + name.length + data.length;
  }
  const [body, directory] = [Buffer.concat(locals), Buffer.concat(central)];
  const end = Buffer.alloc(18);
  end.writeUInt16LE(locals.length / 4, 4);
  end.writeUInt16LE(locals.length / 4, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(body.length, 12);
  return Buffer.concat([body, directory, Buffer.from('PK\u0005\u0006'), end]);
}
