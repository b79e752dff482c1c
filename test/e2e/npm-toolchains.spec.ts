import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Recipe, type RecipeStep } from '@touchstone/contract';
import { startPackageRegistry } from '@touchstone/kit';
import {
  addToolchainLock,
  assembleToolchain,
  BlobStore,
  BubblewrapSandbox,
  lockNpm,
  NpmSource,
  readPackument,
  readRegistryConfig,
  rebuild,
  removeTree,
  type RebuildReport,
  type RegistryConfig,
  type ToolchainLock,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CACHE = fileURLToPath(new URL('../../.touchstone/cache', import.meta.url));
const KEYFRAME = new URL('../../apps/cli/recipes/keyframe-resample-0.1.0.json', import.meta.url);

let work = '';
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'npm-toolchains-'));
});
afterAll(() => removeTree(work));

async function openSource(): Promise<{ config: RegistryConfig; source: NpmSource }> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  return { config, source: new NpmSource(new BlobStore(join(CACHE, 'blobs')), config) };
}

/** A lock that is made now, and lies among the operator's. */
async function lockOf(name: string, version: string): Promise<ToolchainLock> {
  const { config, source } = await openSource();
  const lock = await lockNpm({ name, version }, (asked) => readPackument(config, asked), source);
  await addToolchainLock(lock, join(work, 'locks'));
  return lock;
}

/** Rebuilds keyframe-resample with a version of the compiler whose lock is made now. */
async function rebuildWith(version: string, steps?: RecipeStep[]): Promise<RebuildReport> {
  const { source } = await openSource();
  const lock = await lockOf('assemblyscript', version);
  const toolchains = join(work, 'locks');
  const recipe = JSON.parse(await readFile(KEYFRAME, 'utf8')) as Recipe;
  return rebuild(
    Recipe.parse({
      ...recipe,
      toolchain: { name: lock.name, version },
      steps: steps ?? recipe.steps,
    }),
    {
      ...{ cache: CACHE, work: join(work, 'builds'), source, toolchains },
      sandbox: await BubblewrapSandbox.open(),
    },
  );
}

describe('AssemblyScript in any version, locked from the registry', () => {
  it('0.27.24 gives the published bytes, as 0.27.22 does', async () => {
    const { predicate } = await rebuildWith('0.27.24');
    expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
  }, 120_000);

  it('0.28.9 gives other code', async () => {
    const { predicate } = await rebuildWith('0.28.9');
    expect(predicate.outcome).toBe('different');
    const sections = predicate.modules[0]?.difference?.sections.map(({ section }) => section);
    expect(sections).toEqual(['code']);
  }, 120_000);

  it('0.9.4, whose options and entry point are others, compiles', async () => {
    const run = ['asc', 'assembly/resample.ts', '--binaryFile', 'dist/release.wasm', '-O3'];
    const { predicate } = await rebuildWith('0.9.4', [{ run }]);
    expect([predicate.outcome, predicate.failure]).toEqual(['different', undefined]);
  }, 120_000);
});

describe('componentize-js', () => {
  it('says what is wrong with a module, in the words of its engine', async () => {
    const { config } = await openSource();
    const registry = await startPackageRegistry();
    const files = new Map<string, string | Uint8Array>([
      ['any.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)],
      ['twice.wit', 'package demo:app; world app { export twice: func(n: u32) -> u32; }'],
      ['twice.js', "throw new Error('not today');"],
    ]);
    const integrity = await registry.publish('@loopback/broken', '1.0.0', files);
    const tarball = { kind: 'npm', name: '@loopback/broken', version: '1.0.0', integrity } as const;
    const scopes = new Map([['@loopback', `${registry.url}/`]]);
    const blobs = new BlobStore(join(CACHE, 'blobs'));
    const run = [
      'componentize',
      'twice.js',
      '--wit',
      'twice.wit',
      '--world',
      'app',
      '-o',
      'a.wasm',
    ];
    const published = { kind: 'file', path: 'package/any.wasm' } as const;
    const { predicate } = await rebuild(
      Recipe.parse({
        schema: 'https://touchstone.dev/recipe/v1',
        ...{ artifact: tarball, source: tarball, steps: [{ run }] },
        toolchain: { name: 'componentize-js', version: '0.23.0' },
        modules: [{ name: 'a', output: 'a.wasm', published }],
      }),
      {
        ...{ cache: CACHE, work: join(work, 'builds'), toolchains: join(work, 'locks') },
        source: new NpmSource(blobs, { ...config, scopes }, { allowPrivate: true }),
        sandbox: await BubblewrapSandbox.open(),
      },
    );
    await registry.close();
    expect([predicate.outcome, predicate.failure?.code]).toEqual(['failed', 'build-exit']);
    expect(predicate.failure?.message).toContain('source.js:1:7 Error: not today');
  }, 120_000);
});

describe('WebAssembly text through binaryen, locked from the registry', () => {
  const TEXT = `(module
  (func (export "twice") (param $n i32) (result i32)
    (local $unused i64)
    (i32.add (local.get $n) (i32.add (local.get $n) (i32.const 0)))))\n`;

  it('gives what its publisher built by the same commands outside of any sandbox', async () => {
    const { config, source } = await openSource();
    const lock = await lockOf('binaryen', '117.0.0');
    const { root } = await assembleToolchain(lock, source, CACHE);
    const file = (name: string): string => join(work, `publisher-${name}`);
    await writeFile(file('twice.wat'), TEXT);
    const command = (name: string, ...args: string[]) =>
      promisify(execFile)(process.execPath, [
        join(root, 'toolchain/node_modules/binaryen/bin', name),
        ...args,
      ]);
    await command('wasm-as', file('twice.wat'), '-o', file('plain.wasm'));
    await command('wasm-opt', '-O2', file('plain.wasm'), '-o', file('twice.wasm'));
    const published = await readFile(file('twice.wasm'));
    expect(published.length).toBeLessThan((await readFile(file('plain.wasm'))).length);

    const registry = await startPackageRegistry();
    const integrity = await registry.publish(
      '@loopback/twice',
      '1.0.0',
      new Map<string, string | Uint8Array>([
        ['twice.wat', TEXT],
        ['dist/twice.wasm', published],
      ]),
    );
    const tarball = { kind: 'npm', name: '@loopback/twice', version: '1.0.0', integrity } as const;
    const scopes = new Map([['@loopback', `${registry.url}/`]]);
    const blobs = new BlobStore(join(CACHE, 'blobs'));
    const { predicate } = await rebuild(
      Recipe.parse({
        schema: 'https://touchstone.dev/recipe/v1',
        ...{ artifact: tarball, source: tarball },
        toolchain: { name: lock.name, version: lock.version },
        steps: [
          { run: ['wasm-as', 'twice.wat', '-o', 'plain.wasm'] },
          { run: ['wasm-opt', '-O2', 'plain.wasm', '-o', 'twice.wasm'] },
        ],
        modules: [
          {
            ...{ name: 'twice', output: 'twice.wasm' },
            published: { kind: 'file', path: 'package/dist/twice.wasm' },
          },
        ],
      }),
      {
        ...{ cache: CACHE, work: join(work, 'builds'), toolchains: join(work, 'locks') },
        source: new NpmSource(blobs, { ...config, scopes }, { allowPrivate: true }),
        sandbox: await BubblewrapSandbox.open(),
      },
    );
    await registry.close();
    expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
    const sha256 = createHash('sha256').update(published).digest('hex');
    expect(predicate.modules[0]).toMatchObject({ observed: { digest: { sha256 } } });
  }, 120_000);
});
