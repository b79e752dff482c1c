import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Recipe, type Artifact } from '@touchstone/contract';
import { locateModule } from '../compare/locate.js';
import type { RebuildReport } from '../rebuild.js';
import { sha256Hex } from '../source/integrity.js';
import { bisectVersions } from './bisect.js';
import { sortVersions } from './toolchain-choice.js';
import { readClues } from './clues.js';
import { moduleDistance } from './distance.js';
import { findModules } from './find-modules.js';
import { inferRecipes } from './infer.js';
import { repositoryUrl } from './provenance/repository-url.js';
import { attestedSource } from './provenance/statement.js';
import { Trials } from './search.js';

const artifact = {
  kind: 'npm',
  name: '@s/n',
  version: '1.0.0',
  integrity: `sha512-${'A'.repeat(86)}==`,
} as const satisfies Artifact;

/** A module with one custom section, so that each content is another module. */
function module(content: string): Buffer {
  const body = Buffer.concat([Buffer.from([1, 0x63]), Buffer.from(content, 'utf16le')]);
  const size = [0x80 | (body.length & 0x7f), body.length >> 7];
  return Buffer.concat([Buffer.from('0061736d01000000', 'hex'), Buffer.from([0, ...size]), body]);
}

function files(entries: Record<string, string | Uint8Array>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(entries).map(([path, data]) => [`package/${path}`, Buffer.from(data)]),
  );
}

function clues(entries: Record<string, string | Uint8Array>): ReturnType<typeof readClues> {
  const all = files(entries);
  return readClues(artifact, all, artifact, all);
}

describe('findModules', () => {
  const [one, two, long] = [module('one'), module('two'), module('long '.repeat(40))];
  const section = (id: number, body: Buffer): Buffer => Buffer.from([id, body.length, ...body]);
  const component = Buffer.concat([Buffer.from('0061736d0d000100', 'hex'), section(1, one)]);
  const publication = files({
    'a.wasm': one,
    'b.wasm': component,
    'c.js': `n = "md4"; d = "${one.toString('base64')}"; n = "md5"; d = '${two.toString('base64')}'; // "${one.toString('base64')}"`,
    'd.mjs': `x = new Uint8Array([${[...two].join()}])`,
    'e.js': `fetch("data:application/wasm;base64,${two.toString('base64')}"); "${gzipSync(long).toString('base64')}"`,
    'f.js': 'nothing "AGFzb" here',
    'g.bin': Buffer.from([0, 1, 2]),
  });

  it('finds files, literals and what is nested, each where a recipe would say it is', () => {
    const found = findModules(publication);
    expect(found.map(({ name, location }) => [name, location.kind, location.path])).toEqual([
      ['a', 'file', 'package/a.wasm'],
      ['b', 'file', 'package/b.wasm'],
      ['b.module.0.', 'file', 'package/b.wasm'],
      ['md4', 'base64', 'package/c.js'],
      ['md5', 'base64', 'package/c.js'],
      ['d', 'bytes', 'package/d.mjs'],
      ['e', 'base64', 'package/e.js'],
      ['e-2', 'base64', 'package/e.js'],
    ]);
    for (const { location, sha256 } of found)
      expect(sha256Hex(locateModule(publication, location))).toBe(sha256);
  });

  it('finds something or nothing in whatever it is given', () => {
    const script = Buffer.from(publication.get('package/c.js') ?? '');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(script.length - 1), fc.nat(255)), { maxLength: 5 }),
        (edits) => {
          const bytes = Buffer.from(script);
          for (const [at, value] of edits) bytes[at] = value;
          const mutated = new Map([['x.js', bytes]]);
          for (const { location, sha256 } of findModules(mutated))
            expect(sha256Hex(locateModule(mutated, location))).toBe(sha256);
        },
      ),
      { seed: 9, numRuns: 200 },
    );
  });
});

describe('inferRecipes', () => {
  it('proposes wat2wasm for text beside a module, and says why', async () => {
    const { modules, recipe } = await inferRecipes(
      clues({
        'a.wat': '(module (func get_local 0))',
        'a.js': `"${module('a').toString('base64')}"`,
      }),
    );
    expect(modules[0]).toMatchObject({
      outcome: 'untried',
      choices: [{ name: 'wabt', value: '1.0.12' }],
    });
    expect(Recipe.parse(recipe).steps).toEqual([{ run: ['wat2wasm', 'a.wat', '-o', 'a.wasm'] }]);
  });

  it('takes options from asconfig.json, from the script and from the module', async () => {
    const { recipe, modules } = await inferRecipes(
      clues({
        'package.json': JSON.stringify({
          devDependencies: { assemblyscript: '~0.19.10' },
          scripts: { build: 'asc assembly/main.ts --target release -Os --use abort=' },
        }),
        'asconfig.json': JSON.stringify({
          targets: { release: { runtime: 'stub', noAssert: true, outFile: 'elsewhere.wasm' } },
          options: { bindings: 'raw', enable: ['simd', 'bulk-memory'] },
        }),
        'assembly/main.ts': 'export function f(): void {}',
        'build/main.wasm': module('main'),
      }),
    );
    const run = recipe?.steps[0]?.run.join(' ') ?? '';
    expect(run).toMatch(/^asc assembly\/main\.ts --outFile build\/main\.wasm /);
    for (const flag of [
      '--optimizeLevel 2',
      '--shrinkLevel 1',
      '--runtime stub',
      '--noAssert',
      '--bindings raw',
      '--enable simd,bulk-memory',
      '--use abort=',
    ])
      expect(run).toContain(flag);
    expect(run).not.toContain('elsewhere');
    expect(recipe?.toolchain).toEqual({ name: 'assemblyscript', version: '0.19.10' });
    expect(modules[0]?.reasons.join()).toContain('asconfig.json, target release');
    Recipe.parse(recipe);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      'package-lock.json',
      {
        'package-lock.json': '{"packages":{"node_modules/assemblyscript":{"version": "0.20.13"}}}',
      },
      '0.20.13',
    ],
    ['yarn.lock', { 'yarn.lock': 'assemblyscript@^0.17.1:\n  version "0.17.14"\n' }, '0.17.14'],
    [
      'pnpm-lock.yaml',
      { 'pnpm-lock.yaml': 'packages:\n  assemblyscript@0.9.4:\n    x: 1\n' },
      '0.9.4',
    ],
    ['the range alone', {}, '0.9.1'],
  ])('takes the version from %s, and only options that it has', async (_, lock, version) => {
    const { recipe } = await inferRecipes(
      clues({
        ...lock,
        'package.json': JSON.stringify({ devDependencies: { assemblyscript: '>=0.9.1' } }),
        'assembly/index.ts': '',
        'a.wasm': module('~lib/rt/stub.ts'),
      }),
    );
    expect(recipe?.toolchain.version).toBe(version);
    const run = recipe?.steps[0]?.run.join(' ') ?? '';
    expect(run).toContain('--runtime stub');
    expect(/--bindings|--uncheckedBehavior|incremental|minimal/.test(run)).toBe(false);
  });

  it('tries until bytes are equal, and keeps the closest when they never are', async () => {
    const package_ = {
      'package.json': JSON.stringify({
        devDependencies: { assemblyscript: '0.27.22' },
        scripts: { build: 'asc assembly/index.ts' },
      }),
      'assembly/index.ts': '',
      'a.wasm': module('~lib/rt/tcms.ts noAssert yes'),
    };
    // Builds what its options are.
    const build = async (recipe: Recipe): Promise<RebuildReport> => {
      const flags = recipe.steps[0]?.run ?? [];
      const text = `~lib/rt/${flags.includes('minimal') ? 'tcms' : 'itcms'}.ts ${flags.includes('--noAssert') ? 'noAssert yes' : ''}`;
      const built = new Map([['a', module(text)]]);
      const claimed = new Map([['a', Buffer.from(package_['a.wasm'])]]);
      const outcome =
        Buffer.compare(module(text), package_['a.wasm']) === 0 ? 'reproduced' : 'different';
      return {
        predicate: { outcome, modules: [] },
        built,
        claimed,
        resolvedDependencies: [],
      } as unknown as RebuildReport;
    };
    const good = await inferRecipes(clues(package_), { build });
    expect(good.modules[0]).toMatchObject({ outcome: 'reproduced', distance: 0 });
    expect(good.builds).toBeLessThan(6);
    const few = await inferRecipes(clues(package_), { build, most: 1 });
    expect(few.modules[0]?.outcome).toBe('different');
    expect(few.modules[0]?.distance).toBeGreaterThan(0);
  });

  it('says what it sees of other compilers, and proposes nothing', async () => {
    const { unexplained, obstacles, recipe } = await inferRecipes(
      clues({ 'Cargo.toml': '[package]', 'a_bg.wasm': module('x') }),
    );
    expect([unexplained.length, recipe]).toEqual([1, undefined]);
    expect(obstacles.join()).toContain('Cargo.toml');
  });

  it('answers whatever package.json and asconfig.json hold', async () => {
    const values = fc.jsonValue({ maxDepth: 3 });
    await fc.assert(
      fc.asyncProperty(values, values, async (manifest, config) => {
        const inference = await inferRecipes(
          clues({
            'package.json': JSON.stringify({
              devDependencies: { assemblyscript: manifest },
              scripts: { build: 'asc assembly/index.ts', other: manifest },
            }),
            'asconfig.json': JSON.stringify({ options: config, targets: { release: manifest } }),
            'assembly/index.ts': '',
            'a.wasm': module('x'),
          }),
        );
        expect(inference.unexplained.length + inference.modules.length).toBe(1);
      }),
      { seed: 10, numRuns: 100 },
    );
  });
});

describe('bisectVersions', () => {
  it('finds every stretch of versions that build the same', async () => {
    const versions = Array.from({ length: 40 }, (_, index) => `0.${index}.0`);
    const outputOf = (minor: number): string => (minor < 7 ? 'old' : minor < 29 ? 'right' : 'new');
    const recipe = {
      toolchain: { name: 'assemblyscript', version: '0.12.0' },
      modules: [{ name: 'a' }],
    } as unknown as Recipe;
    const trials = new Trials(async ({ toolchain }) => {
      const output = outputOf(Number(toolchain.version.split('.')[1]));
      return {
        outcome: output === 'right' ? 'reproduced' : 'different',
        built: new Map([['a', module(output)]]),
        claimed: new Map([['a', module('right')]]),
        digests: { a: output },
      };
    }, 100);
    const runs = await bisectVersions(recipe, versions, trials);
    expect(runs.map(({ from, to, distance }) => [from, to, distance === 0])).toEqual([
      ['0.0.0', '0.6.0', false],
      ['0.7.0', '0.28.0', true],
      ['0.29.0', '0.39.0', false],
    ]);
    expect(trials.attempts.length).toBeLessThan(16);
  });

  it('puts versions in order', () => {
    expect(sortVersions(['0.10.0', '0.9.2', '0.28.1-rc.1', '0.9.10'])).toEqual([
      '0.9.2',
      '0.9.10',
      '0.10.0',
    ]);
  });
});

describe('moduleDistance', () => {
  it('is nothing for equal bytes, and counts what is missing more than what is too much', () => {
    const [a, b] = [module('a'.repeat(50)), module('b')];
    expect(moduleDistance(a, a)).toBe(0);
    expect(moduleDistance(a, b)).toBeGreaterThan(moduleDistance(b, a));
    expect(moduleDistance(a, Buffer.from('junk'))).toBeGreaterThan(0);
  });
});

describe('what a registry says of the source', () => {
  const commit = 'c'.repeat(40);
  const itself = { name: 'pkg:npm/%40s/n@1.0.0', digest: { sha512: '00'.repeat(64) } };
  const statement = (
    predicateType: string,
    predicate: unknown,
    subject: unknown = [itself],
  ): string => JSON.stringify({ subject, predicateType, predicate });

  it.each([
    [
      'v1',
      statement('https://slsa.dev/provenance/v1', {
        buildDefinition: {
          resolvedDependencies: [
            { uri: 'git+https://github.com/o/r@refs/tags/v1', digest: { gitCommit: commit } },
          ],
        },
      }),
    ],
    [
      'v0.2',
      statement('https://slsa.dev/provenance/v0.2', {
        invocation: {
          configSource: {
            uri: 'git+https://github.com/o/r@refs/heads/main',
            digest: { sha1: commit },
          },
        },
      }),
    ],
  ])('SLSA provenance %s', (_, text) => {
    expect(attestedSource(Buffer.from(text), artifact)).toEqual({
      kind: 'git',
      url: 'https://github.com/o/r',
      commit,
    });
  });

  const v1 = 'https://slsa.dev/provenance/v1';
  const named = (resolvedDependencies: unknown): unknown => ({
    buildDefinition: { resolvedDependencies },
  });
  const good = named([{ uri: 'git+https://github.com/o/r', digest: { gitCommit: commit } }]);
  it.each([
    ['provenance-malformed', ''],
    ['provenance-malformed', 'null'],
    ['provenance-malformed', '\ufffd{'],
    ['provenance-malformed', '{}'],
    ['provenance-malformed', statement(v1, null)],
    ['provenance-malformed', statement('https://example.test/other', good)],
    ['provenance-subject-mismatch', statement(v1, good, [])],
    ['provenance-subject-mismatch', statement(v1, good, [{ ...itself, name: 'pkg:npm/n@1.0.0' }])],
    [
      'provenance-subject-mismatch',
      statement(v1, good, [{ ...itself, digest: { sha512: '11'.repeat(64) } }]),
    ],
    ['provenance-subject-mismatch', statement(v1, good, [{ ...itself, digest: {} }])],
    ['provenance-source-missing', statement(v1, named(1))],
    ['provenance-source-missing', statement(v1, named([]))],
    [
      'provenance-source-missing',
      statement(v1, named([{ uri: 'git+ext::sh -c x', digest: { gitCommit: commit } }])),
    ],
    [
      'provenance-source-missing',
      statement(v1, named([{ uri: 'git+https://github.com/o/r', digest: { gitCommit: 'c' } }])),
    ],
  ])('%s of %s', (code, text) => {
    expect(attestedSource(Buffer.from(text), artifact)).toMatchObject({
      state: 'not-verified',
      code,
    });
  });

  it.each([
    ['github:o/r', 'https://github.com/o/r'],
    ['o/r', 'https://github.com/o/r'],
    ['git+https://github.com/o/r.git', 'https://github.com/o/r.git'],
    ['git+ssh://git@github.com/o/r.git', 'https://github.com/o/r.git'],
    ['git@gitlab.com:o/r.git', 'https://gitlab.com/o/r.git'],
    ['git://github.com/o/r.git#main', 'https://github.com/o/r.git'],
    ['ext::sh -c x', undefined],
    ['file:///etc', undefined],
    ['https://u:p@h.test/r', undefined],
    ['', undefined],
  ])('the repository %j', (text, url) => {
    expect(repositoryUrl(text)).toBe(url);
  });
});
