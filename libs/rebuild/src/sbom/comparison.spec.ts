import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RebuildError } from '../errors.js';
import { readBinaryInventory } from './binary-inventory.js';
import { compareWithLockfile, type InventoryDifference } from './compare-inventories.js';
import { readLockfile } from './lockfile.js';
import { readSbom } from './read-sbom.js';
import { CARGO_LOCK, GO_MOD, GO_SUM, json, PACKAGE_LOCK, utf8 } from './testdata/lockfiles.js';

const npm = readLockfile('package-lock.json', json(PACKAGE_LOCK));
const cargo = readLockfile('Cargo.lock', utf8(CARGO_LOCK));
const goGraph = readLockfile('go.mod', utf8(GO_MOD), utf8(GO_SUM));

/** What a publisher might ship: by another tool, in another order, with less said. */
const components = [
  {
    type: 'library',
    group: '@scope',
    name: 'c',
    version: '3.0.0',
    purl: 'pkg:npm/%40scope/c@3.0.0',
  },
  {
    type: 'library',
    name: 'a',
    version: '1.0.0',
    purl: 'pkg:npm/a@1.0.0',
    hashes: [{ alg: 'SHA-512', content: '01'.repeat(64) }],
  },
  {
    type: 'library',
    name: 'b',
    version: '1.5.0',
    purl: 'pkg:npm/b@1.5.0?repository_url=https://npm.example/repo',
  },
  { type: 'library', name: 'b', version: '2.0.0' },
  { type: 'library', name: 'fsevents', version: '2.3.3', purl: 'pkg:npm/fsevents@2.3.3' },
  { type: 'library', name: 'real-name', version: '4.0.0', purl: 'pkg:npm/real-name@4.0.0' },
  { type: 'library', name: 'lib', version: '0.0.1' },
];

function against(list: object[]): { agrees: boolean; differences: string[] } {
  const { items } = readSbom(
    json({ bomFormat: 'CycloneDX', specVersion: '1.5', components: list }),
  );
  const { agrees, differences } = compareWithLockfile(npm, items);
  return { agrees, differences: differences.map(text) };
}

function text({ kind, name, expected = '-', found = '-' }: InventoryDifference): string {
  return `${kind} ${name} ${expected.slice(0, 40)} ${found.slice(0, 40)}`;
}

const changed = (name: string, change: object): object[] =>
  components.map((one) => (one.name === name ? { ...one, ...change } : one));

describe("a publisher's bill of materials", () => {
  it('agrees when it leaves out only what tests need', () => {
    expect(against(components)).toEqual({ agrees: true, differences: ['missing d 1.0.0 -'] });
  });

  it.each([
    ['missing', components.slice(1), 'missing @scope/c 3.0.0 -'],
    [
      'extra',
      [...components, { type: 'library', name: 'evil', version: '6.6.6' }],
      'extra evil - 6.6.6',
    ],
    [
      'of another version',
      changed('fsevents', { version: '2.3.2', purl: 'pkg:npm/fsevents@2.3.2' }),
      'version fsevents 2.3.3 2.3.2',
    ],
    [
      'from another source',
      changed('a', { purl: 'pkg:npm/a@1.0.0?repository_url=https://evil.example' }),
      'source a the registry repository_url=https://evil.example',
    ],
    [
      'with another digest',
      changed('a', { hashes: [{ alg: 'SHA-512', content: 'ff'.repeat(64) }] }),
      `digest a SHA-512:${'01'.repeat(16)} SHA-512:${'ff'.repeat(16)}`,
    ],
  ])('differs by a package that is %s', (_, list, difference) => {
    const { agrees, differences } = against(list);
    expect(agrees).toBe(false);
    expect(differences).toContain(difference);
  });

  it('finds components inside components', () => {
    const [first, ...rest] = components;
    expect(against([{ type: 'library', name: 'lib', components: [first, ...rest] }]).agrees).toBe(
      true,
    );
  });

  it("takes Go's paths in lower case for the same", () => {
    const items = goGraph.packages.flatMap(({ purl, name, version }) =>
      purl === undefined ? [] : [{ type: 'library', name, version, purl: purl.toLowerCase() }],
    );
    const bom = readSbom(json({ bomFormat: 'CycloneDX', specVersion: '1.6', components: items }));
    expect(compareWithLockfile(goGraph, bom.items).differences).toEqual([]);
  });
});

/** A module of one custom section. */
function moduleWith(name: string, content: Uint8Array): Uint8Array {
  const leb = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
  const body = [...leb(name.length), ...utf8(name), ...content];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...leb(body.length), ...body]);
}
const audited = (packages: object[]): Uint8Array =>
  moduleWith('.dep-v0', deflateSync(json({ packages })));
const adler = { name: 'adler', version: '1.0.2', source: 'crates.io' };
const app = { name: 'app', version: '0.1.0', source: 'local', root: true, dependencies: [0] };

function binaryDifferences(wasm: Uint8Array): string[] {
  const { items } = readBinaryInventory(wasm);
  return compareWithLockfile(cargo, items, { partial: true }).differences.map(text);
}

describe('what a binary says of itself', () => {
  it('need not be all that the lockfile names', () => {
    const { said, items } = readBinaryInventory(audited([adler, app]));
    expect(said).toBe('.dep-v0');
    expect(items.map(({ purl }) => purl)).toEqual(['pkg:cargo/adler@1.0.2']);
    expect(binaryDifferences(audited([adler, app]))).toEqual([]);
    const rand = { name: 'rand', version: '0.9.0', source: 'registry' };
    expect(binaryDifferences(audited([adler, rand, app]))).toEqual([]);
  });

  it.each([
    ['another version', { ...adler, version: '1.0.1' }, 'version adler 1.0.2 1.0.1'],
    ['a crate that is not in the lockfile', { ...adler, name: 'evil' }, 'extra evil - 1.0.2'],
    [
      'another source',
      { name: 'git-dep', version: '2.0.0', source: 'crates.io' },
      'source git-dep vcs_url=git+https://example.org/git-dep@ the registry',
    ],
  ])('shows %s', (_, found, difference) => {
    expect(binaryDifferences(audited([found, app]))).toEqual([difference]);
  });

  it("is read from Go's build information too", () => {
    const modinfo = [
      'path\texample.org/app',
      'mod\texample.org/app\t(devel)\t',
      'dep\tgithub.com/BurntSushi/toml\tv1.4.0\th1:x',
      'dep\tgithub.com/old/thing\tv2.0.0+incompatible',
      '=>\tgithub.com/new/thing\tv2.1.0+incompatible\th1:y',
      'dep\texample.org/local\tv0.0.0',
      '=>\t../local\t(devel)\t',
      '',
    ].join('\n');
    const mark = (hex: string): Buffer => Buffer.from(hex, 'hex');
    const wasm = moduleWith(
      'data',
      Buffer.concat([
        mark('3077af0c9274080241e1c107e6d618e6'),
        Buffer.from(modinfo),
        mark('f932433186182072008242104116d8f2'),
      ]),
    );
    const { said, items } = readBinaryInventory(wasm);
    expect(said).toBe('Go build information');
    expect(items.map(({ name }) => name)).toEqual([
      'github.com/BurntSushi/toml',
      'github.com/new/thing',
    ]);
    expect(compareWithLockfile(goGraph, items, { partial: true }).differences).toEqual([]);
  });

  it.each([
    ['what is not compressed', moduleWith('.dep-v0', utf8('{}')), 'sbom-malformed'],
    ['what is no list', moduleWith('.dep-v0', deflateSync(utf8('[]'))), 'sbom-malformed'],
    [
      'a bomb',
      moduleWith('.dep-v0', deflateSync(new Uint8Array(9 * 1024 * 1024))),
      'sbom-too-large',
    ],
  ])('refuses %s', (_, wasm, code) => {
    let refusal: unknown;
    try {
      readBinaryInventory(wasm);
    } catch (error) {
      refusal = error;
    }
    expect((refusal as RebuildError).code).toBe(code);
  });

  it('may be nothing', () => {
    expect(readBinaryInventory(moduleWith('x', new Uint8Array()))).toEqual({
      items: [],
      producers: [],
    });
  });
});
