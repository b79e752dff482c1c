import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Recipe, type RecipeStep } from '@touchstone/contract';
import {
  compile,
  ROOT,
  SigstoreInstance,
  startPackageRegistry,
  type PackageRegistry,
} from '@touchstone/kit';
import {
  addToolchainLock,
  BlobStore,
  BubblewrapSandbox,
  debianProfile,
  lockDebian,
  NpmSource,
  readRegistryConfig,
  readToolchainLock,
  rebuild,
  type ToolchainLock,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type LoopbackRegistry } from './loopback-registry.js';

// What a publisher builds with options of his own is published without a recipe, and the command
// finds from the package alone how it was built. Roots of toolchains are kept between runs. Rust and Go
// (their libraries take half a minute, twice) and Emscripten (2 GB) on request:
// TOUCHSTONE_LONG_TOOLCHAINS=1 npx vitest run --project system test/e2e/infer.spec.ts
const CACHE = join(ROOT, '.touchstone/cache');
const DATA = join(ROOT, 'libs/rebuild/src');
const LONG = process.env['TOUCHSTONE_LONG_TOOLCHAINS'] === '1';
const NO_HOST = ['gcc', 'gcc-*', 'binutils', 'libc6-dev', 'libgcc-*-dev'];
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

type Files = Map<string, string | Uint8Array>;

let work = '';
let packages: PackageRegistry;
let crates: LoopbackRegistry;
beforeAll(async () => {
  await compile('apps/cli');
  work = await mkdtemp(join(tmpdir(), 'infer-'));
  packages = await startPackageRegistry();
  crates = await startRegistry();
  await writeFile(join(work, '.npmrc'), `@loopback:registry=${packages.url}/\n`);
});
afterAll(async () => {
  await packages.close();
  await crates.close();
  await rm(work, { recursive: true });
});

async function lockOf(
  kind: string,
  major?: string,
  options: { without?: readonly string[]; components?: boolean } = {},
): Promise<ToolchainLock> {
  const lock = await lockDebian(debianProfile(kind, major), CACHE, {
    suite: 'trixie',
    architectures: [process.arch === 'arm64' ? 'arm64' : 'x64'],
    ...options,
  });
  await addToolchainLock(lock, join(work, 'locks'));
  return lock;
}

async function filesOf(folder: string): Promise<Files> {
  const files: Files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(folder, path), await readFile(path));
  }
  return files;
}

interface Publisher {
  readonly lock: ToolchainLock;
  readonly steps: RecipeStep[];
  readonly environment?: Record<string, string>;
  readonly dependencies?: Recipe['dependencies'];
  /** What he builds, by name. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** What the publisher's own commands build of his files. */
async function buildAs(
  publisher: Publisher,
  files: Files,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { lock, steps, environment, dependencies, outputs } = publisher;
  const name = '@loopback/source';
  const version = `0.0.${Math.floor(Math.random() * 1e9)}`;
  const integrity = await packages.publish(name, version, files);
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: work,
    execPath: process.execPath,
  });
  const sha256 = createHash('sha256').update(EMPTY).digest('hex');
  const recipe = Recipe.parse({
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: { kind: 'upload', name: 'empty.wasm', sha256 },
    source: { kind: 'npm', name, version, integrity },
    toolchain: { name: lock.name, version: lock.version },
    ...(environment === undefined ? {} : { environment }),
    ...(dependencies === undefined ? {} : { dependencies }),
    steps,
    modules: Object.entries(outputs).map(([module, output]) => ({
      ...{ name: module, output },
      published: { kind: 'file', path: 'empty.wasm' },
    })),
  });
  const { built, predicate } = await rebuild(recipe, {
    ...{ cache: CACHE, work: join(work, 'builds'), toolchains: join(work, 'locks') },
    source: new NpmSource(new BlobStore(join(CACHE, 'blobs')), config, { allowPrivate: true }),
    sandbox: await BubblewrapSandbox.open(),
    registries: {
      allowPrivate: true,
      crates: `${crates.url}/crates`,
      goProxy: `${crates.url}/go`,
    },
    readUpload: () => Promise.resolve(EMPTY),
  });
  expect(predicate.failure).toBeUndefined();
  return built;
}

interface Inferred {
  readonly modules: {
    outcome: string;
    reasons: string[];
    module: { name: string };
    versions?: { from: string; to: string; distance?: number }[];
  }[];
  readonly recipe: Recipe;
  readonly builds: number;
  readonly notes: string[];
  readonly provenance: { readonly state: string };
}

/** `touchstone infer --try` of a published package, and its answer. */
async function infer(
  label: string,
  environment: Record<string, string> = {},
  ...args: string[]
): Promise<Inferred> {
  const program = join(ROOT, 'apps/cli/bin/touchstone.js');
  const command = ['infer', label, '--try', '--json', '--allow-private-registries', ...args];
  const places = ['--cache', CACHE, '--toolchains', join(work, 'locks')];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...command, ...places], {
    cwd: work,
    env: {
      ...process.env,
      CRATES_URL: `${crates.url}/crates`,
      GOPROXY: `${crates.url}/go`,
      ...environment,
    },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => {
    const { stdout: out = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${stderr.slice(-2000)}\n${out.slice(-4000)}`);
  });
  const answer = JSON.parse(stdout) as Inferred;
  Recipe.parse(answer.recipe);
  expect(answer.modules.map(({ outcome }) => outcome)).not.toContain('different');
  return answer;
}

function outcomes({ modules }: Inferred): Record<string, string> {
  return Object.fromEntries(modules.map(({ module, outcome }) => [module.name, outcome]));
}

/** The steps that `make` takes in testdata/c, for both of its modules. */
function sums(): Pick<Publisher, 'steps' | 'outputs'> {
  const flags = '--target=wasm32 -Os -nostdlib -ffreestanding -fvisibility=hidden -Iinclude'.split(
    ' ',
  );
  const compile = (part: string, ...own: string[]): RecipeStep => ({
    run: ['clang', ...flags, ...own, '-c', `src/${part}.c`, '-o', `${part}.o`],
  });
  const link = (name: string, ...own: string[]): RecipeStep => ({
    run: [
      ...['clang', ...flags, ...own, '-Wl,--no-entry', '-Wl,--strip-all'],
      ...[`-Wl,--export=${name}`, '-Wl,-z,stack-size=16384'],
      ...['-o', `${name}.wasm`, `${name}.o`, 'mix.o'],
    ],
  });
  // As make would: mix.o is made once, for the first target that needs it.
  const own = ['-flto', '-mbulk-memory'];
  const steps = [
    ...[compile('fnv'), compile('mix'), link('fnv')],
    ...[compile('adler', ...own), link('adler', ...own)],
  ];
  const outputs = { fnv: 'fnv.wasm', adler: 'adler.wasm' };
  return { steps, outputs };
}

describe('from the package alone', () => {
  it.runIf(LONG)(
    'Rust: the profile of a script, and the paths of the crates that the publisher had',
    async () => {
      const lock = await lockOf('rust', undefined, { without: NO_HOST, components: true });
      const files = await filesOf(join(DATA, 'dependencies/testdata/rust'));
      const crate = crates.crateChecksum;
      const pinned = String(files.get('Cargo.lock')).replace(
        /^checksum = ".*"$/m,
        `checksum = "${crate}"`,
      );
      files.set('Cargo.lock', pinned);
      files.set(
        'package.json',
        JSON.stringify({
          scripts: {
            build:
              'cargo build --release --lib --target wasm32-unknown-unknown && mkdir -p dist && cp target/wasm32-unknown-unknown/release/tally.wasm dist/',
          },
        }),
      );
      const registry = '/home/ada/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f';
      const built = await buildAs(
        {
          lock,
          environment: {
            RUSTFLAGS: `--remap-path-prefix={workspace}/.dependencies/cargo=${registry}`,
          },
          dependencies: [{ kind: 'cargo', lockfile: 'package/Cargo.lock' }],
          steps: [
            {
              run: [
                ...['cargo', 'build', '--locked', '--offline', '--release', '--lib'],
                ...['--target', 'wasm32-unknown-unknown'],
              ],
            },
          ],
          outputs: { tally: 'target/wasm32-unknown-unknown/release/tally.wasm' },
        },
        files,
      );
      files.set('dist/tally.wasm', built.get('tally') ?? EMPTY);
      await packages.publish('@loopback/tally', '1.0.0', files);
      const answer = await infer('npm:@loopback/tally@1.0.0');
      expect(outcomes(answer)).toEqual({ tally: 'reproduced' });
      expect(answer.recipe.environment?.['RUSTFLAGS']).toContain(`=${registry}`);
      expect(answer.recipe.dependencies).toEqual([
        { kind: 'cargo', lockfile: 'package/Cargo.lock' },
      ]);
    },
    300_000,
  );

  it.runIf(LONG)(
    'Go: the build information in the module, and a main package below go.mod',
    async () => {
      const lock = await lockOf('go', '1.24');
      const project = await filesOf(join(DATA, 'dependencies/testdata/go'));
      const files: Files = new Map(
        [...project].map(([path, data]) => [path === 'main.go' ? 'cmd/tally/main.go' : path, data]),
      );
      const built = await buildAs(
        {
          lock,
          environment: { GOOS: 'wasip1', GOARCH: 'wasm' },
          dependencies: [{ kind: 'go', lockfile: 'package/go.sum' }],
          steps: [
            {
              run: [
                ...['go', 'build', '-trimpath', '-tags=small', '-ldflags=-s -w'],
                ...['-o', 'tally.wasm', './cmd/tally'],
              ],
            },
          ],
          outputs: { tally: 'tally.wasm' },
        },
        files,
      );
      files.set('tally.wasm', built.get('tally') ?? EMPTY);
      await packages.publish('@loopback/go-tally', '1.0.0', files);
      const answer = await infer('npm:@loopback/go-tally@1.0.0');
      expect(outcomes(answer)).toEqual({ tally: 'reproduced' });
      expect(answer.recipe.steps[0]?.run).toEqual([
        ...['go', 'build', '-trimpath', '-tags=small', '-ldflags=-s -w'],
        ...['-o', 'tally.wasm', './cmd/tally'],
      ]);
      expect(answer.builds).toBeLessThan(4);
    },
    300_000,
  );

  it('C: a Makefile that is in the commit alone, which the provenance in the registry names', async () => {
    const lock = await lockOf('clang', '22');
    const folder = join(DATA, 'infer/testdata/c');
    const files = await filesOf(folder);
    const built = await buildAs({ lock, ...sums() }, files);
    const script = [...built].map(
      ([name, bytes]) =>
        `export const ${name} = load("${name}", "${Buffer.from(bytes).toString('base64')}");`,
    );
    const integrity = await packages.publish(
      '@loopback/sums',
      '1.0.0',
      new Map([['index.js', script.join('\n')]]),
    );
    const { commit, bundle } = await commitOf(folder);
    const sigstore = await SigstoreInstance.start();
    const repository = 'https://git.example.test/ada/sums';
    const signed = await sigstore.sign(provenanceOf(integrity, repository, commit), {
      ...{ repository, commit },
    });
    const predicateType = 'https://slsa.dev/provenance/v1';
    packages.attest('@loopback/sums', '1.0.0', {
      attestations: [{ predicateType, bundle: signed }],
    });
    const root = join(work, 'trusted-root.json');
    await writeFile(root, sigstore.trustedRoot);
    const trust = ['--trusted-root', root];
    const answer = await infer('npm:@loopback/sums@1.0.0', { GIT_BUNDLES: bundle }, ...trust);
    expect(answer.provenance).toMatchObject({ state: 'verified', source: { commit } });
    expect(outcomes(answer)).toEqual({ fnv: 'reproduced', adler: 'reproduced' });
    expect(answer.notes.join()).toContain(commit);
    expect(answer.recipe.source).toEqual({ kind: 'git', url: repository, commit });
  }, 300_000);

  it.runIf(LONG)(
    'C: which versions of a compiler of Debian build which bytes',
    async () => {
      const lock = await readToolchainLock({ name: 'debian-clang', version: '17.0.6-22+b2' });
      const files = await filesOf(join(DATA, 'infer/testdata/c'));
      const built = await buildAs({ lock, ...sums() }, files);
      for (const [name, bytes] of built) files.set(`dist/${name}.wasm`, bytes);
      await packages.publish('@loopback/sums-of-17', '1.0.0', files);
      const answer = await infer('npm:@loopback/sums-of-17@1.0.0', {}, '--bisect');
      expect(outcomes(answer)).toEqual({ fnv: 'reproduced', adler: 'reproduced' });
      const major = (version = ''): number => Number(version.split('.')[0]);
      for (const { versions = [] } of answer.modules) {
        // Each version is in one stretch, and 17 in the one that builds what was published.
        expect([major(versions[0]?.from), major(versions.at(-1)?.to)]).toEqual([16, 22]);
        const holds17 = versions.find(({ from, to }) => major(from) <= 17 && 17 <= major(to));
        expect(holds17?.distance).toBe(0);
      }
    },
    900_000,
  );

  it.runIf(LONG)(
    'Emscripten: a script of package.json',
    async () => {
      const lock = await readToolchainLock({ name: 'debian-emscripten', version: '3.1.69+dfsg-3' });
      const files = await filesOf(join(DATA, 'infer/testdata/emscripten'));
      const run = [
        ...['emcc', 'rotate.c', '-O2', '-s', 'STANDALONE_WASM=1', '--no-entry'],
        ...['-s', 'EXPORTED_FUNCTIONS=_rotate,_free', '-o', 'rotate.wasm'],
      ];
      const built = await buildAs(
        { lock, steps: [{ run }], outputs: { rotate: 'rotate.wasm' } },
        files,
      );
      files.set('dist/rotate.wasm', built.get('rotate') ?? EMPTY);
      await packages.publish('@loopback/rotate', '1.0.0', files);
      const answer = await infer('npm:@loopback/rotate@1.0.0');
      expect(outcomes(answer)).toEqual({ rotate: 'reproduced' });
    },
    900_000,
  );
});

/** A commit of a folder, and a bundle that holds it. */
async function commitOf(folder: string): Promise<{ commit: string; bundle: string }> {
  const place = join(work, 'repository');
  await mkdir(place);
  await cp(folder, place, { recursive: true });
  const git = async (...args: string[]): Promise<string> => {
    const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
    const { stdout } = await promisify(execFile)('git', [...who, ...args], { cwd: place });
    return stdout.trim();
  };
  await git('init', '-q');
  await git('add', '-A');
  await git('commit', '-qm', 'Sums');
  const bundle = join(work, 'sums.bundle');
  await git('bundle', 'create', '-q', bundle, '--all');
  return { commit: await git('rev-parse', 'HEAD'), bundle };
}

function provenanceOf(integrity: string, url: string, commit: string): unknown {
  const predicateType = 'https://slsa.dev/provenance/v1';
  const predicate = {
    buildDefinition: {
      resolvedDependencies: [{ uri: `git+${url}@refs/tags/v1`, digest: { gitCommit: commit } }],
    },
  };
  const sha512 = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
  const subject = [{ name: 'pkg:npm/%40loopback/sums@1.0.0', digest: { sha512 } }];
  return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate };
}
