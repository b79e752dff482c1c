import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NpmSource } from '../../source/npm-source.js';
import { BlobStore } from '../../source/blob-store.js';
import { sha256Hex } from '../../source/integrity.js';
import { planSteps } from '../../plan.js';
import { tarOf, type Member } from '../archive.fixture.js';
import { assembleToolchain } from '../toolchain.js';
import { ToolchainLock } from '../toolchain-lock.js';
import { removeTree } from '../tree.js';
import { importImage } from './image-store.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-'));
});
afterEach(async () => {
  await removeTree(folder);
});

const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
const LAYERS: Member[][] = [
  [
    { name: 'usr/local/tinygo/bin/tinygo', data: '\u007fELF', mode: 0o755 },
    { name: 'usr/local/tinygo/VERSION', data: 'old' },
    { name: 'etc/passwd', data: 'root' },
  ],
  [{ name: 'etc/.wh.passwd' }, { name: 'usr/local/tinygo/VERSION', data: '0.39.0' }],
];

interface Made {
  readonly archive: Buffer;
  readonly digest: string;
}

/** An OCI archive; `spoil` changes a blob after its digest was written down. */
function imageOf(
  layers: readonly Member[][],
  { architecture = ARCHITECTURE, gzip = true, spoil = -1, swap = false } = {},
): Made {
  const blobs = new Map<string, Buffer>();
  const keep = (bytes: Buffer): { digest: string; size: number } => {
    const digest = `sha256:${sha256Hex(bytes)}`;
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const tars = layers.map((layer) => tarOf(layer));
  const mediaType = `application/vnd.oci.image.layer.v1.tar${gzip ? '+gzip' : ''}`;
  const descriptors = tars.map((tar) => ({ mediaType, ...keep(gzip ? gzipSync(tar) : tar) }));
  const diffs = tars.map((tar) => `sha256:${sha256Hex(tar)}`);
  const config = keep(
    Buffer.from(
      JSON.stringify({
        architecture,
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: swap ? diffs.reverse() : diffs },
      }),
    ),
  );
  const manifest = keep(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: descriptors,
      }),
    ),
  );
  const index = JSON.stringify({
    schemaVersion: 2,
    manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest }],
  });
  const first = descriptors[spoil]?.digest;
  if (first !== undefined) blobs.set(first, Buffer.from('spoiled'));
  const members = [...blobs].map(([digest, data]) => ({
    name: `blobs/sha256/${digest.slice(7)}`,
    data,
  }));
  return {
    archive: tarOf([
      { name: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
      { name: 'index.json', data: index },
      ...members,
    ]),
    digest: manifest.digest,
  };
}

const lockOf = (digest: string): ToolchainLock =>
  ToolchainLock.parse({
    schema: 'https://touchstone.dev/toolchain-lock/v1',
    ...{ name: 'tinygo', version: '0.39.0', lineage: 'operator', packages: [] },
    image: { reference: 'tinygo/tinygo', architectures: { x64: { digest }, arm64: { digest } } },
    commands: { tinygo: { argv: ['/usr/local/tinygo/bin/tinygo'] } },
  });

const build = async ({ archive, digest }: Made): ReturnType<typeof assembleToolchain> => {
  const file = join(folder, 'image.tar');
  await writeFile(file, archive);
  await importImage(file, join(folder, 'images'));
  return assembleUnpacked(digest);
};
const assembleUnpacked = (digest: string): ReturnType<typeof assembleToolchain> => {
  const config = {
    registry: 'http://127.0.0.1:9/',
    scopes: new Map<string, string>(),
    noProxy: [],
  };
  const npm = new NpmSource(new BlobStore(join(folder, 'blobs')), config);
  return assembleToolchain(lockOf(digest), npm, join(folder, 'cache'), {
    images: join(folder, 'images'),
  });
};

describe('an image that the operator names', () => {
  it.each([true, false])('its layers become the root, gzipped: %s', async (gzip) => {
    const made = imageOf(LAYERS, { gzip });
    const toolchain = await build(made);
    const read = (path: string): Promise<string> => readFile(join(toolchain.root, path), 'utf8');
    expect(await read('usr/local/tinygo/VERSION')).toBe('0.39.0');
    await expect(read('etc/passwd')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(toolchain.dependencies.map(({ uri }) => uri)).toEqual([
      'https://touchstone.dev/toolchain/tinygo/0.39.0',
      'oci:tinygo/tinygo',
    ]);
    expect(toolchain.dependencies[1]?.digest).toEqual({ sha256: made.digest.slice(7) });
  });

  it.each(['wasip2', 'wasi'])(
    'TinyGo’s command line for %s is the step’s, after the command’s own place',
    async (target) => {
      const { commands } = await build(imageOf(LAYERS));
      const args = ['build', `-target=${target}`, '-no-debug', '-opt=z', '-o', 'main.wasm', '.'];
      expect(planSteps([{ run: ['tinygo', ...args] }], commands)).toEqual([
        { argv: ['/usr/local/tinygo/bin/tinygo', ...args] },
      ]);
    },
  );

  it.each([
    ['a changed layer', { spoil: 1 }],
    ['layers in another order than the configuration says', { swap: true }],
    ['another architecture', { architecture: 'riscv64' }],
  ])('%s is refused', async (_, options) => {
    await expect(build(imageOf(LAYERS, options))).rejects.toMatchObject({
      code: 'image-malformed',
    });
  });

  it('an image that is not here is unavailable, and told how to be brought', async () => {
    await expect(assembleUnpacked(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'toolchain-image-unavailable',
    });
  });

  it.each([
    ['no archive', Buffer.from('hello')],
    ['no index', tarOf([{ name: 'manifest.json', data: '[]' }])],
    ['an index that is none', tarOf([{ name: 'index.json', data: '{"manifests":7}' }])],
    ['a cut archive', imageOf(LAYERS).archive.subarray(0, 3000)],
  ])('%s is refused', async (_, archive) => {
    const file = join(folder, 'image.tar');
    await writeFile(file, archive);
    await expect(importImage(file, join(folder, 'images'))).rejects.toMatchObject({
      code: 'image-malformed',
    });
  });
});
