import { createHash } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Recipe } from '@touchstone/contract';
import {
  BlobStore,
  BubblewrapSandbox,
  NpmSource,
  readRegistryConfig,
  readToolchainLock,
  rebuild,
  removeTree,
  type RebuildReport,
} from '@touchstone/rebuild';
import { expect, it } from 'vitest';

// 360 MB of packages make a root of 2 GB: TOUCHSTONE_LONG_TOOLCHAINS=1 npx vitest run --project
// system test/e2e/emscripten.spec.ts
const LONG = process.env['TOUCHSTONE_LONG_TOOLCHAINS'] === '1';
const CACHE = fileURLToPath(new URL('../../.touchstone/cache', import.meta.url));
const SOURCE = new URL('../../apps/cli/recipes/hash-wasm-4.13.0.json', import.meta.url);

async function build(claimed: Uint8Array, work: string): Promise<RebuildReport> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const { source } = Recipe.parse(JSON.parse(await readFile(SOURCE, 'utf8')));
  const sha256 = createHash('sha256').update(claimed).digest('hex');
  const output = 'crc32.wasm';
  const recipe = Recipe.parse({
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: { kind: 'upload', name: output, sha256 },
    source,
    toolchain: { name: 'debian-emscripten', version: '3.1.69+dfsg-3' },
    steps: [{ run: ['emcc', '-O2', '--no-entry', 'src/crc32.c', '-o', output] }],
    modules: [{ name: 'crc32', output, published: { kind: 'file', path: output } }],
  });
  return rebuild(recipe, {
    ...{ cache: CACHE, work },
    source: new NpmSource(new BlobStore(join(CACHE, 'blobs')), config),
    sandbox: await BubblewrapSandbox.open(),
    readUpload: () => Promise.resolve(claimed),
  });
}

it(`Emscripten builds the same module twice${LONG ? '' : ' (only its lock is read without TOUCHSTONE_LONG_TOOLCHAINS=1)'}`, async () => {
  if (!LONG) {
    const lock = await readToolchainLock({ name: 'debian-emscripten', version: '3.1.69+dfsg-3' });
    expect(Object.keys(lock.commands)).toContain('emcc');
    return;
  }
  const work = await mkdtemp(join(tmpdir(), 'emscripten-'));
  const first = await build(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), join(work, 'a'));
  expect(first.predicate.failure).toBeUndefined();
  const { predicate } = await build(first.built.get('crc32') ?? new Uint8Array(), join(work, 'b'));
  expect(predicate.outcome).toBe('reproduced');
  await removeTree(work);
}, 1_800_000);
