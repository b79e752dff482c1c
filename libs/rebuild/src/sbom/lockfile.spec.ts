import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import type { DependencyGraph } from './dependency-graph.js';
import { readLockfile } from './lockfile.js';
import {
  CARGO_LOCK,
  CARGO_TOML,
  GO_MOD,
  GO_SUM,
  json,
  PACKAGE_LOCK,
  sha512,
  utf8,
} from './testdata/lockfiles.js';

const cargo = (lock = CARGO_LOCK, toml: string | undefined = CARGO_TOML): DependencyGraph =>
  readLockfile('Cargo.lock', utf8(lock), toml === '' ? undefined : utf8(toml));
const go = (mod = GO_MOD, sum: string | undefined = GO_SUM): DependencyGraph =>
  readLockfile('go.mod', utf8(mod), sum === '' ? undefined : utf8(sum));
const npm = (lock: unknown = PACKAGE_LOCK): DependencyGraph =>
  readLockfile('package-lock.json', json(lock));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof RebuildError ? error.code : String(error);
  }
  return 'none';
}

const edges = ({ packages }: DependencyGraph): Record<string, readonly string[] | undefined> =>
  Object.fromEntries(packages.map(({ ref, dependsOn }) => [ref, dependsOn]));

describe('Cargo.lock', () => {
  const git =
    'pkg:cargo/git-dep@2.0.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fgit-dep%400123456789012345678901234567890123456789';
  const otherRand = 'pkg:cargo/rand@0.9.0?repository_url=https:%2F%2Fother.example%2Findex';

  it('gives each package its source, and each dependency the very package meant', () => {
    const graph = cargo();
    expect(edges(graph)).toEqual({
      'pkg:cargo/adler@1.0.2': ['pkg:cargo/rand@0.8.5'],
      'pkg:cargo/cc@1.0.90': [],
      [git]: [],
      'pkg:cargo/quickcheck@1.0.3': [otherRand],
      'pkg:cargo/rand@0.8.5': [],
      [otherRand]: [],
    });
    expect(graph.root).toEqual({
      name: 'app',
      version: '0.1.0',
      dependsOn: [
        'pkg:cargo/adler@1.0.2',
        'pkg:cargo/cc@1.0.90',
        git,
        'pkg:cargo/quickcheck@1.0.3',
      ],
    });
    expect(graph.complete).toBe(true);
    expect(graph.packages[0]).toMatchObject({
      location: 'https://static.crates.io/crates/adler/adler-1.0.2.crate',
      hashes: [{ algorithm: 'SHA-256', hex: 'a'.repeat(64) }],
    });
  });

  it('tells what only tests need by the manifest, and says so when it cannot', () => {
    const development = cargo().packages.filter((found) => found.development);
    expect(development.map(({ name, version }) => `${name} ${version ?? ''}`)).toEqual([
      'quickcheck 1.0.3',
      'rand 0.9.0',
    ]);
    const blind = cargo(CARGO_LOCK, '');
    expect(blind.packages.some((found) => found.development)).toBe(false);
    expect(blind.remarks.at(-1)).toContain('only tests need');
  });

  it('passes over a dependency on nothing, as cargo does, and calls the list incomplete', () => {
    const graph = cargo(CARGO_LOCK.replace('"rand 0.8.5"', '"rand 0.7.0"'));
    expect(graph.complete).toBe(false);
    expect(graph.remarks.join(' ')).toContain('1 dependencies name no one package');
  });

  it.each([
    ['of version 2', CARGO_LOCK.replace('version = 4\n', ''), 'lockfile-unsupported'],
    ['of version 5', CARGO_LOCK.replace('version = 4', 'version = 5'), 'lockfile-unsupported'],
    ['that is no TOML', 'version = = 4', 'lockfile-malformed'],
    [
      'with a package twice',
      `${CARGO_LOCK}${CARGO_LOCK.split('\n\n').at(-1) ?? ''}`,
      'lockfile-malformed',
    ],
    [
      'with a checksum that is none',
      CARGO_LOCK.replace('a'.repeat(64), 'zz'),
      'lockfile-malformed',
    ],
    [
      'with a name that drives a terminal',
      CARGO_LOCK.replaceAll('adler', '\\u001b[2J'),
      'lockfile-malformed',
    ],
    ['whose tables nest without end', `version = 4\na = ${'['.repeat(5000)}`, 'lockfile-malformed'],
    ['with the key __proto__', 'version = 4\n__proto__ = 1', 'lockfile-malformed'],
  ])('refuses one %s', (_, lock, code) => {
    expect(codeOf(() => cargo(lock, ''))).toBe(code);
  });
});

describe('go.mod and go.sum', () => {
  it('reads requirements in blocks and alone, replaced ones by what stands in their place', () => {
    const graph = go();
    const refs = graph.packages.map(({ ref }) => ref);
    expect(refs).toEqual([
      'path:../local',
      'pkg:golang/github.com/BurntSushi/toml@v1.4.0',
      'pkg:golang/github.com/new/thing@v2.1.0%2Bincompatible',
      'pkg:golang/golang.org/x/sys@v0.0.0-20210630005230-0f9fa26af87c',
    ]);
    expect(graph.root).toEqual({ name: 'example.org/app', dependsOn: refs.slice(0, 3) });
    expect(graph.packages[1]?.goSum).toBe(`h1:${'A'.repeat(43)}=`);
    // Which module needs which stands nowhere, and that is not the same as "none".
    expect(graph.packages.every(({ dependsOn }) => dependsOn === undefined)).toBe(true);
  });

  it('says so when there is no go.sum', () => {
    expect(go(GO_MOD, '').remarks.at(-1)).toContain('no go.sum');
    expect(go('module example.org/leaf\ngo 1.21\n', '').packages).toEqual([]);
  });

  it.each([
    ['before go 1.17', GO_MOD.replace('go 1.22', 'go 1.16'), GO_SUM, 'lockfile-unsupported'],
    ['without a version of go', GO_MOD.replace('go 1.22', ''), GO_SUM, 'lockfile-unsupported'],
    ['without a module', 'go 1.22', GO_SUM, 'lockfile-malformed'],
    ['with a block that does not end', 'module a\ngo 1.22\nrequire (\n', '', 'lockfile-malformed'],
    ['with an open quote', 'module "a\ngo 1.22', '', 'lockfile-malformed'],
    ['with a requirement of one word', 'module a\ngo 1.22\nrequire b', '', 'lockfile-malformed'],
    ['with a hash that is none', GO_MOD, 'a v1 h1:AAAA\n', 'lockfile-malformed'],
    [
      'with two hashes of one module',
      GO_MOD,
      `${GO_SUM}${GO_SUM.replaceAll('A', 'F')}`,
      'lockfile-malformed',
    ],
  ])('refuses one %s', (_, mod, sum, code) => {
    expect(codeOf(() => go(mod, sum))).toBe(code);
  });
});

describe('package-lock.json', () => {
  const b1 = 'pkg:npm/b@1.5.0?repository_url=https:%2F%2Fnpm.example%2Frepo';
  const b2 =
    'pkg:npm/b@2.0.0?vcs_url=git%2Bssh:%2F%2Fgit%40example.org%2Fb.git%400123456789012345678901234567890123456789';
  const d = 'pkg:npm/d@1.0.0?download_url=https:%2F%2Ffiles.example%2Fd.tgz';

  it('finds for each package the dependencies that Node would', () => {
    const graph = npm();
    expect(edges(graph)).toEqual({
      'path:lib': [b2],
      'pkg:npm/%40scope/c@3.0.0': [],
      'pkg:npm/a@1.0.0': [b1, d],
      [b1]: [],
      [b2]: [],
      [d]: [],
      'pkg:npm/fsevents@2.3.3': [],
      'pkg:npm/real-name@4.0.0': [],
    });
    expect(graph.root.dependsOn).toEqual([
      'path:lib',
      'pkg:npm/%40scope/c@3.0.0',
      'pkg:npm/a@1.0.0',
      d,
      'pkg:npm/fsevents@2.3.3',
    ]);
    expect(graph.complete).toBe(true);
  });

  it('keeps what is for tests alone and what is optional apart, and every digest', () => {
    const byName = Object.fromEntries(npm().packages.map((found) => [found.name, found]));
    expect(byName['d']).toMatchObject({ development: true, optional: false });
    expect(byName['fsevents']).toMatchObject({ development: false, optional: true });
    expect(byName['@scope/c']?.hashes).toEqual([
      { algorithm: 'SHA-1', hex: '03'.repeat(20) },
      { algorithm: 'SHA-512', hex: '03'.repeat(64) },
    ]);
  });

  it('tells two files under one name and version apart', () => {
    const packages = {
      ...PACKAGE_LOCK.packages,
      'node_modules/@scope/c/node_modules/a': {
        ...PACKAGE_LOCK.packages['node_modules/a'],
        integrity: sha512(9),
      },
    };
    const found = npm({ ...PACKAGE_LOCK, packages }).packages.filter(({ name }) => name === 'a');
    expect(found.map(({ purl, hashes }) => [purl, hashes[0]?.hex.slice(0, 2)])).toEqual([
      ['pkg:npm/a@1.0.0', '01'],
      ['pkg:npm/a@1.0.0', '09'],
    ]);
    expect(new Set(found.map(({ ref }) => ref)).size).toBe(2);
  });

  it('calls the list incomplete when a required dependency is nowhere', () => {
    const { 'node_modules/d': _, ...packages } = PACKAGE_LOCK.packages;
    expect(npm({ ...PACKAGE_LOCK, packages }).complete).toBe(false);
  });

  it.each([
    ['of version 1', { name: 'x', lockfileVersion: 1, dependencies: {} }, 'lockfile-unsupported'],
    ['that is no object', [], 'lockfile-malformed'],
    [
      'with a bad integrity',
      {
        lockfileVersion: 3,
        packages: { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-AA==' } },
      },
      'lockfile-malformed',
    ],
    [
      'with a path of a thousand folders',
      { lockfileVersion: 3, packages: { [`${'a/'.repeat(1000)}b`]: {} } },
      'lockfile-malformed',
    ],
    [
      'with 50,001 packages',
      {
        lockfileVersion: 3,
        packages: Object.fromEntries(
          Array.from({ length: 50_001 }, (_, index) => [`node_modules/p${index}`, {}]),
        ),
      },
      'lockfile-too-large',
    ],
  ])('refuses one %s', (_, lock, code) => {
    expect(codeOf(() => npm(lock))).toBe(code);
  });

  it('refuses a key that stands twice', () => {
    const text = '{"lockfileVersion":3,"packages":{},"packages":{}}';
    expect(codeOf(() => readLockfile('package-lock.json', utf8(text)))).toBe('lockfile-malformed');
  });
});

describe('a hostile lockfile', () => {
  const runs = process.env['TOUCHSTONE_LONG_FUZZ'] === '1' ? 20_000 : 200;
  const CODES = ['none', 'lockfile-malformed', 'lockfile-unsupported', 'lockfile-too-large'];

  it.each([
    ['Cargo.lock', CARGO_LOCK, CARGO_TOML],
    ['go.mod', GO_MOD, GO_SUM],
    ['package-lock.json', JSON.stringify(PACKAGE_LOCK), ''],
  ])('is refused by a code or read, however it was changed: %s', (name, text, beside) => {
    const [bytes, second] = [utf8(text), utf8(beside)];
    const spoil = fc.record({
      at: fc.nat(bytes.length),
      cut: fc.nat(40),
      put: fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.constantFrom('"', '\\u0000', '[[', '}', '(', '=>', '__proto__', '9'.repeat(40)),
      ),
    });
    const property = fc.property(fc.array(spoil, { minLength: 1, maxLength: 4 }), (changes) => {
      let spoilt = Buffer.from(bytes);
      for (const { at, cut, put } of changes) {
        const place = Math.min(at, spoilt.length);
        spoilt = Buffer.concat([
          spoilt.subarray(0, place),
          Buffer.from(put),
          spoilt.subarray(place + cut),
        ]);
      }
      expect(CODES).toContain(codeOf(() => readLockfile(name, spoilt, second)));
      if (second.length > 0)
        expect(CODES).toContain(codeOf(() => readLockfile(name, bytes, spoilt)));
    });
    fc.assert(property, { seed: 20261122, numRuns: runs });
  });

  it('of many packages that depend on all others is read in bounded time', () => {
    const names = Array.from({ length: 200 }, (_, index) => `p${index}`);
    const dependencies = Object.fromEntries(names.map((name) => [name, '*']));
    const deep = 'node_modules/a/'.repeat(40);
    const packages = Object.fromEntries(
      names.map((name) => [`${deep}node_modules/${name}`, { version: '1.0.0', dependencies }]),
    );
    const before = process.cpuUsage();
    expect(codeOf(() => npm({ name: 'x', lockfileVersion: 3, packages }))).toBe('none');
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });
});
