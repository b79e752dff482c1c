import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RebuildPredicate } from '@touchstone/attest';
import { Recipe, recipeDigest } from '@touchstone/contract';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BlobStore } from './source/blob-store.js';
import { sha256Hex } from './source/integrity.js';
import { NpmSource } from './source/npm-source.js';
import type { RebuildOptions } from './rebuild-options.js';
import { rebuild, type RebuildReport } from './rebuild.js';
import { readRegistryConfig } from './source/registry-config.js';
import { BubblewrapSandbox } from './sandbox/bubblewrap.js';
import { readToolchainLock } from './toolchain/lock-folders.js';
import { assembleToolchain, verifyToolchain } from './toolchain/toolchain.js';
import { removeTree } from './toolchain/tree.js';

// Real packages from the registry that npm's configuration names, kept between runs.
const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));
const RECIPES = new URL('../../../apps/cli/recipes/', import.meta.url);

let source: NpmSource;
let sandbox: BubblewrapSandbox;
let work = '';
beforeAll(async () => {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  sandbox = await BubblewrapSandbox.open();
});
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'rebuild-'));
});
afterEach(async () => {
  await removeTree(work);
});

async function readRecipe(name: string): Promise<Recipe> {
  return Recipe.parse(JSON.parse(await readFile(new URL(`${name}.json`, RECIPES), 'utf8')));
}

async function run(recipe: Recipe, options: Partial<RebuildOptions> = {}): Promise<RebuildReport> {
  const report = await rebuild(recipe, { cache: CACHE, work, source, sandbox, ...options });
  expect(RebuildPredicate.parse(report.predicate)).toEqual(report.predicate);
  expect(await readdir(work)).toEqual([]);
  return report;
}

const SIPHASH24 = '83ae8b6532d1398a59f609bcb2de1710ec96e37c8497646969be205312e03bf7';

describe('rebuild: real publications', () => {
  it.each([
    ['siphash24-1.3.1', SIPHASH24],
    ['blake2b-wasm-2.4.0', 'c7ceb4d5870910b5e199cd0c2318249a7402bc1e3f32b868ab6b04dafcf906c6'],
    ['xsalsa20-1.2.0', '23291a332e0e67e8e719f5c800370ae9f977038ebe579741da42e93fb3bec61f'],
    ['keyframe-resample-0.1.0', '635b13c3abf0f79ffb2eff8f2702d33acfb7548e91e22995f5b35acc83f5de9c'],
  ])(
    '%s is reproduced',
    async (name, digest) => {
      const recipe = await readRecipe(name);
      const stages: string[] = [];
      const { predicate, built, claimed, resolvedDependencies } = await run(recipe, {
        now: () => new Date(1_700_000_000_000),
        onProgress: (stage) => stages.push(stage),
      });
      expect(predicate.outcome).toBe('reproduced');
      expect(predicate.recipe.digest.sha256).toBe(recipeDigest(recipe));
      expect(predicate.startedOn).toBe('2023-11-14T22:13:20.000Z');
      const [module] = predicate.modules;
      expect([module?.claimed.digest.sha256, module?.observed?.digest.sha256]).toEqual([
        digest,
        digest,
      ]);
      expect(module?.difference).toBeUndefined();
      for (const bytes of [...built.values(), ...claimed.values()])
        expect(sha256Hex(bytes)).toBe(digest);
      expect(stages).toEqual(['artifact', 'source', 'toolchain', 'build', 'compare']);
      const names = resolvedDependencies.map(({ name: label }) => label);
      expect(names).toEqual(
        expect.arrayContaining(['artifact', 'source', 'toolchain', 'libc.so.6']),
      );
    },
    300_000,
  );

  it('all 22 modules of hash-wasm-4.13.0 are reproduced', async () => {
    const { predicate, built } = await run(await readRecipe('hash-wasm-4.13.0'));
    expect(predicate.outcome).toBe('reproduced');
    expect(predicate.modules.map(({ outcome }) => outcome)).toEqual(Array(22).fill('reproduced'));
    const sample = built.get('xxhash64') ?? new Uint8Array();
    expect(sha256Hex(sample)).toBe(
      'cc25949e4fac6012af148d18f968d523a49dedba4d77af0b1f2a8a4c3e6925a6',
    );
  }, 600_000);
});

describe('rebuild: what goes wrong', () => {
  const upload = async (bytes: Uint8Array): Promise<RebuildReport> => {
    const recipe = await readRecipe('siphash24-1.3.1');
    const artifact = { kind: 'upload', name: 'a.wasm', sha256: sha256Hex(bytes) } as const;
    const modules = recipe.modules.map((module) => ({
      ...module,
      published: { kind: 'file', path: 'a.wasm' } as const,
    }));
    return run({ ...recipe, artifact, modules }, { readUpload: () => Promise.resolve(bytes) });
  };
  const honest = async (): Promise<Uint8Array> => {
    const { claimed } = await run(await readRecipe('siphash24-1.3.1'));
    return claimed.get('siphash24') ?? new Uint8Array();
  };

  it('a changed instruction is different, and where is told', async () => {
    const bytes = new Uint8Array(await honest());
    // An i64.add (0x7c) of the only function becomes an i64.sub (0x7d).
    const at = bytes.indexOf(0x7c, 80);
    bytes[at] = 0x7d;
    const { predicate } = await upload(bytes);
    expect(predicate.outcome).toBe('different');
    const [module] = predicate.modules;
    expect(module?.difference?.sections.map(({ section }) => section)).toEqual(['code']);
    expect(module?.difference?.functions[0]?.ranges).toEqual([{ offset: at, length: 1 }]);
  }, 120_000);

  it('a custom section more is equivalent, with both digests of the normal form', async () => {
    const custom = Uint8Array.of(0, 5, 1, 0x78, 1, 2, 3);
    const { predicate } = await upload(Buffer.concat([await honest(), custom]));
    expect(predicate.outcome).toBe('equivalent');
    const [normal] = predicate.modules[0]?.normalisations ?? [];
    expect(normal?.claimed).toEqual(normal?.observed);
  }, 120_000);

  it.each<[string, string, string, (recipe: Recipe) => Recipe, Partial<RebuildOptions>]>([
    [
      'a source of other bytes',
      'unavailable',
      'integrity-mismatch',
      (recipe) => ({
        ...recipe,
        source: { ...recipe.source, integrity: `sha512-${'A'.repeat(86)}==` },
      }),
      {},
    ],
    [
      'a source that does not exist',
      'unavailable',
      'source-not-found',
      (recipe) => ({
        ...recipe,
        source: { ...recipe.source, version: '999.0.0', integrity: `sha512-${'B'.repeat(85)}A==` },
      }),
      {},
    ],
    [
      'an unknown toolchain',
      'unavailable',
      'toolchain-unknown',
      (recipe) => ({ ...recipe, toolchain: { name: 'wabt', version: '9.9.9' } }),
      {},
    ],
    [
      'an upload that is not at hand',
      'unavailable',
      'upload-unavailable',
      (recipe) => ({ ...recipe, artifact: { kind: 'upload', name: 'a', sha256: '0'.repeat(64) } }),
      {},
    ],
    [
      'an upload of other bytes',
      'unavailable',
      'integrity-mismatch',
      (recipe) => ({ ...recipe, artifact: { kind: 'upload', name: 'a', sha256: '0'.repeat(64) } }),
      { readUpload: () => Promise.resolve(new Uint8Array(3)) },
    ],
    [
      'an unknown command',
      'failed',
      'command-unknown',
      (recipe) => ({ ...recipe, steps: [{ run: ['sh', '-c', 'true'] }] }),
      {},
    ],
    [
      'a working folder that is missing',
      'failed',
      'workdir-missing',
      (recipe) => ({ ...recipe, workdir: 'package/nowhere' }),
      {},
    ],
    [
      'a broken build',
      'failed',
      'build-exit',
      (recipe) => ({ ...recipe, steps: [{ run: ['wat2wasm', 'README.md', '-o', 'x.wasm'] }] }),
      {},
    ],
    [
      'an output that is not made',
      'failed',
      'output-missing',
      (recipe) => ({ ...recipe, steps: [{ run: ['wat2wasm', 'siphash24.wat', '-o', 'x.wasm'] }] }),
      {},
    ],
    [
      'an output that the source brings and no step makes',
      'failed',
      'output-missing',
      (recipe) => ({
        ...recipe,
        steps: [{ run: ['wat2wasm', 'siphash24.wat', '-o', 'x.wasm'] }],
        modules: recipe.modules.map((module) => ({ ...module, output: 'siphash24.js' })),
      }),
      {},
    ],
    [
      'a build without time',
      'failed',
      'build-timeout',
      (recipe) => recipe,
      { limits: { wallMilliseconds: 1 } },
    ],
  ])(
    '%s: %s, %s',
    async (_, outcome, code, change, options) => {
      const recipe = change(await readRecipe('siphash24-1.3.1'));
      const { predicate, built } = await run(recipe, options);
      expect([predicate.outcome, predicate.failure?.code]).toEqual([outcome, code]);
      expect([predicate.modules, built.size]).toEqual([[], 0]);
    },
    120_000,
  );

  it.each([
    ['nobody asks', undefined, undefined, false],
    ['the operator asks when bytes differ, and they do not', 'when-different', undefined, false],
    ['the recipe asks', 'when-different', 'always', true],
    ['the recipe asks and the operator has no time for it', 'never', 'always', false],
    ['the operator insists', 'always', 'never', true],
  ] as const)(
    'varied where %s',
    async (_, vary, asked, varied) => {
      const recipe = await readRecipe('siphash24-1.3.1');
      const { predicate } = await run(
        { ...recipe, ...(asked === undefined ? {} : { vary: asked }) },
        vary === undefined ? {} : { vary },
      );
      expect(predicate.outcome).toBe('reproduced');
      if (varied) expect(predicate.variation).toMatchObject({ builds: 3, deterministic: true });
      else expect(predicate.variation).toBeUndefined();
    },
    120_000,
  );

  it('an abort is no outcome', async () => {
    const abort = new AbortController();
    const recipe = await readRecipe('siphash24-1.3.1');
    const running = rebuild(recipe, {
      ...{ cache: CACHE, work, source, sandbox, signal: abort.signal },
      onProgress: (stage) => {
        if (stage === 'build') abort.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    expect(await readdir(work)).toEqual([]);
  });
});

describe('toolchain roots', () => {
  const lock = (): ReturnType<typeof readToolchainLock> =>
    readToolchainLock({ name: 'wabt', version: '1.0.12' });

  it('are the same tree from several assemblies at once, read-only, and found again at once', async () => {
    const cache = join(work, 'cache');
    const roots = await Promise.all(
      [1, 2, 3].map(async () => assembleToolchain(await lock(), source, cache)),
    );
    const shared = await assembleToolchain(await lock(), source, CACHE);
    expect(new Set(roots.map(({ digest }) => digest))).toEqual(new Set([shared.digest]));
    const left = (await readdir(join(cache, 'toolchains'))).sort();
    expect(left).toEqual([shared.digest, `${shared.digest}.json`, 'keys'].sort());
    const root = roots[0]?.root ?? '';
    expect((await stat(join(root, 'bin/node'))).mode & 0o777).toBe(0o555);
    const samples: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const started = performance.now();
      await assembleToolchain(await lock(), source, cache);
      samples.push(performance.now() - started);
    }
    expect(Math.min(...samples)).toBeLessThan(50);
  }, 120_000);

  it('that were tampered with are found out, and the file is named', async () => {
    const cache = join(work, 'cache');
    const toolchain = await assembleToolchain(await lock(), source, cache);
    await verifyToolchain(toolchain);
    const file = join(toolchain.root, 'toolchain/drivers/wabt.mjs');
    await chmod(file, 0o644);
    await appendFile(file, '// changed\n');
    await expect(verifyToolchain(toolchain)).rejects.toThrow(/wabt\.mjs is changed/);
    await chmod(join(toolchain.root, 'toolchain/drivers'), 0o755);
    await unlink(file);
    await expect(verifyToolchain(toolchain)).rejects.toMatchObject({ code: 'toolchain-mismatch' });
    await chmod(toolchain.root, 0o755);
    await rm(join(toolchain.root, 'bin'), { recursive: true });
  }, 120_000);
});
