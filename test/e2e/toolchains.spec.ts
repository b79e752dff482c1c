import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Recipe, type RecipeStep } from '@touchstone/contract';
import { startPackageRegistry } from '@touchstone/kit';
import {
  addToolchainLock,
  assembleToolchain,
  BlobStore,
  BubblewrapSandbox,
  DebianSource,
  debianProfile,
  exportToolchain,
  importToolchains,
  lockDebian,
  NpmSource,
  readRegistryConfig,
  readTree,
  rebuild,
  removeTree,
  type Executor,
  type RebuildReport,
  type ToolchainLock,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type LoopbackRegistry } from './loopback-registry.js';
import { causesOf } from './real-artifacts.js';
import { vendoredProject } from './vendored-project.js';

// Locks are made of what the mirror has now, and packages are kept between runs.
const CACHE = fileURLToPath(new URL('../../.touchstone/cache', import.meta.url));
const RECIPES = new URL('../../apps/cli/recipes/', import.meta.url);
/** Our project has no build script and no macro of its own, so nothing is linked for the host. */
const NO_HOST = ['gcc', 'gcc-*', 'binutils', 'libc6-dev', 'libgcc-*-dev'];

let work = '';
let locks = '';
let registry: LoopbackRegistry;
let sandbox: BubblewrapSandbox;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'toolchains-'));
  locks = join(work, 'locks');
  registry = await startRegistry();
  sandbox = await BubblewrapSandbox.open();
});
afterAll(async () => {
  await registry.close();
  await removeTree(work);
});

async function npm(cache: string, scopes?: ReadonlyMap<string, string>): Promise<NpmSource> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const blobs = new BlobStore(join(cache, 'blobs'));
  if (scopes === undefined) return new NpmSource(blobs, config);
  return new NpmSource(blobs, { ...config, scopes }, { allowPrivate: true });
}

interface LockChanges {
  readonly without?: readonly string[];
  readonly components?: boolean;
}

const made = new Map<string, Promise<ToolchainLock>>();

/** A lock of what the mirror has now, made once and laid among the operator's. */
function lockOf(kind: string, major?: string, changes: LockChanges = {}): Promise<ToolchainLock> {
  const key = JSON.stringify([kind, major, changes]);
  const known = made.get(key) ?? makeLock(kind, major, changes);
  made.set(key, known);
  return known;
}

async function makeLock(
  kind: string,
  major: string | undefined,
  changes: LockChanges,
): Promise<ToolchainLock> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
  const lock = await lockDebian(debianProfile(kind, major), CACHE, {
    ...{ suite: 'trixie', architectures: [architecture] },
    ...changes,
  });
  await addToolchainLock(lock, locks);
  return lock;
}

describe('clang of Debian', () => {
  let lock: ToolchainLock;
  beforeAll(async () => {
    lock = await lockOf('clang', '22');
  });

  it('is the same tree for an organisation that has its files from removable media', async () => {
    const source = await npm(CACHE);
    const built = await assembleToolchain(lock, source, CACHE);
    const packed = join(work, 'media');
    const { files, digest } = await exportToolchain(lock, packed, source, CACHE);
    expect([files, digest]).toEqual([built.dependencies.length - 1, built.digest]);

    const cache = join(work, 'elsewhere');
    const places = { cache, locks: join(work, 'their-locks'), images: join(cache, 'images') };
    const taken = await importToolchains(packed, {
      ...places,
      blobs: new BlobStore(join(cache, 'blobs')),
    });
    expect(taken.locks).toEqual([lock]);
    const offline = new DebianSource(cache, { mirror: 'http://127.0.0.1:9/', attempts: 1 });
    const theirs = await assembleToolchain(lock, await npm(cache), cache, { debian: offline });
    expect(theirs.digest).toBe(built.digest);
    const started = performance.now();
    await assembleToolchain(lock, source, CACHE);
    expect(performance.now() - started).toBeLessThan(250);
  }, 300_000);

  it('holds no wasm-opt, which its driver would run, and no shell', async () => {
    const { root } = await assembleToolchain(lock, await npm(CACHE), CACHE);
    const names = (await readTree(root))
      .filter(([path]) => path.includes('bin/'))
      .map(([path]) => path.split('/').at(-1));
    expect(names).toContain('wasm-ld');
    for (const name of ['wasm-opt', 'sh', 'bash', 'gcc', 'ld']) expect(names).not.toContain(name);
    expect((await lstat(join(root, 'bin'))).isSymbolicLink()).toBe(true);
  }, 120_000);

  it('builds all 22 modules of hash-wasm-4.13.0; clang 22.1 gives the published bytes', async () => {
    const text = await readFile(new URL('hash-wasm-4.13.0-debian-clang-22.json', RECIPES), 'utf8');
    const recipe = Recipe.parse({
      ...(JSON.parse(text) as Recipe),
      toolchain: { name: lock.name, version: lock.version },
    });
    const { predicate } = await rebuild(recipe, {
      ...{ cache: CACHE, work: join(work, 'builds'), sandbox, toolchains: locks },
      source: await npm(CACHE),
    });
    expect(predicate.failure).toBeUndefined();
    expect(predicate.modules).toHaveLength(22);
    // The mirror may have gone on to a compiler that writes other bytes; then that is the outcome.
    const expected = lock.version.startsWith('22.1.')
      ? ['reproduced']
      : ['reproduced', 'different'];
    expect(expected).toContain(predicate.outcome);
  }, 300_000);
});

/** A builder like no other: another path, host name, user, mask and number of processors. */
function other(executor: Executor): Executor {
  return {
    kind: executor.kind,
    description: executor.description,
    removeOrphans: (folder) => executor.removeOrphans(folder),
    run: (run) =>
      executor.run({
        ...run,
        ...{ mountPoint: '/srv/builds/elsewhere', hostname: 'elsewhere', uid: 4242, umask: 0o077 },
        cpus: 1,
        environment: Object.fromEntries(
          Object.entries(run.environment).map(([name, value]) => [
            name,
            value.replaceAll('/work', '/srv/builds/elsewhere'),
          ]),
        ),
      }),
  };
}

describe('projects with dependencies of a registry', () => {
  const project = (
    language: 'rust' | 'go',
    lock: ToolchainLock,
    parts: {
      steps: RecipeStep[];
      lockfile: string;
      output: string;
      environment?: Record<string, string>;
    },
  ): Recipe => {
    const source = { kind: 'npm', name: `@loopback/tally-${language}`, version: '0.1.0' } as const;
    return Recipe.parse({
      schema: 'https://touchstone.dev/recipe/v1',
      artifact: { kind: 'upload', name: 'tally.wasm', sha256: '0'.repeat(64) },
      source: { ...source, integrity: registry.integrity(language) },
      toolchain: { name: lock.name, version: lock.version },
      dependencies: [{ kind: language === 'rust' ? 'cargo' : 'go', lockfile: parts.lockfile }],
      ...(parts.environment === undefined ? {} : { environment: parts.environment }),
      steps: parts.steps,
      modules: [
        { name: 'tally', output: parts.output, published: { kind: 'file', path: 'tally.wasm' } },
      ],
    });
  };

  const build = async (
    recipe: Recipe,
    claimed: Uint8Array,
    builder: { cache: string; executor: Executor },
  ): Promise<RebuildReport> => {
    const sha256 = createHash('sha256').update(claimed).digest('hex');
    const artifact = { kind: 'upload', name: 'tally.wasm', sha256 } as const;
    return rebuild(
      { ...recipe, artifact },
      {
        ...{ cache: CACHE, work: join(builder.cache, 'builds'), toolchains: locks },
        source: await npm(CACHE, new Map([['@loopback', `${registry.url}/`]])),
        sandbox: builder.executor,
        registries: {
          allowPrivate: true,
          crates: `${registry.url}/crates`,
          goProxy: `${registry.url}/go`,
        },
        readUpload: () => Promise.resolve(claimed),
      },
    );
  };

  /** Publishes what one builder makes, and has another one rebuild it. */
  const reproduces = async (recipe: Recipe, dependency: string): Promise<Uint8Array> => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const first = { cache: join(work, 'first'), executor: sandbox };
    const made = await build(recipe, empty, first);
    expect(made.predicate.failure).toBeUndefined();
    const published = made.built.get('tally') ?? empty;
    const second = { cache: join(work, 'second', 'deeper'), executor: other(sandbox) };
    const { predicate, resolvedDependencies } = await build(recipe, published, second);
    expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
    expect(resolvedDependencies.map(({ uri }) => uri)).toContain(dependency);
    expect(await readdir(join(work, 'second', 'deeper', 'builds'))).toEqual([]);
    return published;
  };

  it('Rust: the same module and the same component from two builders, without a path of theirs', async () => {
    const lock = await lockOf('rust', undefined, { without: NO_HOST, components: true });
    const recipe = project('rust', lock, {
      lockfile: 'package/Cargo.lock',
      output: 'target/wasm32-unknown-unknown/release/tally.wasm',
      steps: [
        {
          run: [
            ...['cargo', 'build', '--locked', '--offline', '--release', '--lib'],
            ...['--target', 'wasm32-unknown-unknown'],
          ],
        },
      ],
    });
    const bytes = await reproduces(recipe, 'pkg:cargo/mark@0.2.1');
    const text = Buffer.from(bytes).toString('latin1');
    expect(text.includes('/build/.dependencies/cargo/mark-0.2.1/src/lib.rs')).toBe(true);
    expect(/\/work|elsewhere/.test(text)).toBe(false);

    const target = 'wasm32-wasip1';
    const component = project('rust', lock, {
      lockfile: 'package/Cargo.lock',
      output: 'tally.component.wasm',
      steps: [
        {
          run: [
            ...['cargo', 'build', '--locked', '--offline', '--release', '--bin', 'tally'],
            ...['--target', target],
          ],
        },
        {
          run: [
            ...['component-new', `target/${target}/release/tally.wasm`],
            ...['-o', 'tally.component.wasm', '--adapt', 'command'],
          ],
        },
      ],
    });
    const lifted = await reproduces(component, 'pkg:cargo/mark@0.2.1');
    // The preamble of a component: version 13, layer 1.
    expect([...lifted.subarray(4, 8)]).toEqual([13, 0, 1, 0]);
  }, 300_000);

  it('Rust: without --locked a newer dependency goes in, and the cause names it', async () => {
    const lock = await lockOf('rust', undefined, { without: NO_HOST, components: true });
    const packages = await startPackageRegistry();
    const scopes = new Map([['@loopback', `${packages.url}/`]]);
    let published = 0;
    /** Builds the project with what its vendor folder has by then; `claimed` was built before. */
    const vendored = async (versions: string[], locked: boolean, claimed: Uint8Array) => {
      const name = '@loopback/vendored';
      const version = `1.0.${(published += 1)}`;
      const integrity = await packages.publish(name, version, vendoredProject(versions, locked));
      const sha256 = createHash('sha256').update(claimed).digest('hex');
      const output = 'target/wasm32-unknown-unknown/release/vendored.wasm';
      const recipe = Recipe.parse({
        schema: 'https://touchstone.dev/recipe/v1',
        artifact: { kind: 'upload', name: 'vendored.wasm', sha256 },
        source: { kind: 'npm', name, version, integrity },
        toolchain: { name: lock.name, version: lock.version },
        steps: [
          {
            run: [
              ...['cargo', 'build', '--offline', '--release'],
              ...['--target', 'wasm32-unknown-unknown', ...(locked ? ['--locked'] : [])],
            ],
          },
        ],
        modules: [{ name: 'm', output, published: { kind: 'file', path: 'vendored.wasm' } }],
      });
      return rebuild(recipe, {
        ...{ cache: CACHE, work: join(work, 'vendored'), toolchains: locks, sandbox },
        source: await npm(CACHE, scopes),
        readUpload: () => Promise.resolve(claimed),
      });
    };
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const first = (await vendored(['0.2.1'], false, empty)).built.get('m') ?? empty;
    const later = (await vendored(['0.2.1', '0.2.2'], false, first)).predicate;
    expect([later.outcome, later.failure]).toEqual(['different', undefined]);
    expect(causesOf(later.modules[0])).toContain('unlocked-dependency certain');
    const texts = (later.modules[0]?.causes ?? []).flatMap(({ code, evidence }) =>
      code === 'unlocked-dependency' ? evidence.map(({ text = '' }) => text) : [],
    );
    for (const version of ['0.2.1', '0.2.2'])
      expect(texts).toContain(`/build/package/vendor/mark-${version}/src/lib.rs`);
    // What mends it: the lock file in the source, and --locked.
    const mended = (await vendored(['0.2.1', '0.2.2'], true, first)).predicate;
    await packages.close();
    expect([mended.outcome, mended.failure]).toEqual(['reproduced', undefined]);
  }, 300_000);

  it('Go: the same bytes from two builders', async () => {
    const lock = await lockOf('go', '1.24');
    const recipe = project('go', lock, {
      lockfile: 'package/go.sum',
      output: 'tally.wasm',
      environment: { GOOS: 'wasip1', GOARCH: 'wasm' },
      steps: [{ run: ['go', 'build', '-trimpath', '-ldflags=-buildid=', '-o', 'tally.wasm', '.'] }],
    });
    const bytes = await reproduces(recipe, 'pkg:golang/example.org/Mark@v0.2.1');
    expect(/\/work|elsewhere/.test(Buffer.from(bytes).toString('latin1'))).toBe(false);
  }, 300_000);
});
