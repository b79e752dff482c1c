import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RebuildError } from '../errors.js';
import { cycloneDxDocument, type JsonDocument } from './cyclonedx.js';
import { compareWithLockfile } from './compare-inventories.js';
import type { DependencyGraph } from './dependency-graph.js';
import { readLockfile } from './lockfile.js';
import { formatPurl, parsePurl } from './package-url.js';
import { readSbom } from './read-sbom.js';
import { spdxDocument } from './spdx.js';
import {
  CARGO_LOCK,
  CARGO_TOML,
  GO_MOD,
  GO_SUM,
  json,
  PACKAGE_LOCK,
  utf8,
} from './testdata/lockfiles.js';
import { validateSbom } from './validate-sbom.js';

const graphs: Record<string, DependencyGraph> = {
  cargo: readLockfile('Cargo.lock', utf8(CARGO_LOCK), utf8(CARGO_TOML)),
  go: readLockfile('go.mod', utf8(GO_MOD), utf8(GO_SUM)),
  npm: readLockfile('package-lock.json', json(PACKAGE_LOCK)),
};
const graphOf = (name: string): DependencyGraph => graphs[name]!;
const tool = { toolVersion: '0.1.0' };
const writers: Record<string, (graph: DependencyGraph) => JsonDocument> = {
  'CycloneDX 1.6': (graph) => cycloneDxDocument(graph, '1.6', tool),
  'CycloneDX 1.7': (graph) => cycloneDxDocument(graph, '1.7', tool),
  'SPDX 2.3': (graph) => spdxDocument(graph, tool),
};
const cases = Object.keys(graphs).flatMap((name) =>
  Object.keys(writers).map((format) => [format, name] as const),
);
const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

describe.each(cases)('%s of a lockfile of %s', (format, name) => {
  const document = writers[format]!(graphOf(name));

  it('is valid by its specification', async () => {
    const result = await validateSbom(json(document));
    expect(result.problems).toEqual([]);
    expect(`${result.format} ${result.version}`).toBe(format);
  });

  it('says what the lockfile says', () => {
    const { items } = readSbom(json(document));
    const comparison = compareWithLockfile(graphOf(name), items);
    expect(comparison.differences).toEqual([]);
    const own = graphOf(name).packages.filter(({ origin }) => origin === 'path');
    expect(items.filter((item) => item.own).map((item) => item.name)).toEqual(
      own.map((found) => found.name),
    );
    expect(comparison.common).toBe(graphOf(name).packages.filter(({ purl }) => purl).length);
  });
});

describe('a document', () => {
  it('has the same bytes whenever and wherever it is made', () => {
    const digests = cases.map(([format, name]) => [
      `${format} ${name}`,
      digestOf(writers[format]!(graphOf(name))),
    ]);
    expect(Object.fromEntries(digests)).toMatchSnapshot();
  });

  it('has a name of its own by its content', () => {
    const [a, b] = [
      cycloneDxDocument(graphOf('npm'), '1.6', tool),
      cycloneDxDocument(graphOf('npm'), '1.6', { toolVersion: '0.2.0' }),
    ];
    expect(a['serialNumber']).not.toBe(b['serialNumber']);
    expect(a['serialNumber']).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
  });

  it('has a time only when it is told one', () => {
    const dated = cycloneDxDocument(graphOf('npm'), '1.6', { ...tool, sourceDateEpoch: 86_400 });
    expect(dated['metadata']).toMatchObject({ timestamp: '1970-01-02T00:00:00.000Z' });
    expect(cycloneDxDocument(graphOf('npm'), '1.6', tool)['metadata']).not.toHaveProperty(
      'timestamp',
    );
    const spdx = spdxDocument(graphOf('npm'), { ...tool, sourceDateEpoch: 86_400 });
    expect(spdx['creationInfo']).toMatchObject({ created: '1970-01-02T00:00:00Z' });
  });

  it('does not claim to know what the lockfile does not', () => {
    const go = cycloneDxDocument(graphOf('go'), '1.6', tool)['compositions'];
    expect(go).toContainEqual({ aggregate: 'complete', dependencies: ['root'] });
    expect(go).toContainEqual({
      aggregate: 'unknown',
      dependencies: graphOf('go').packages.map(({ ref }) => ref),
    });
    const spdx = spdxDocument(graphOf('go'), tool)['relationships'] as Record<string, string>[];
    expect(spdx.filter((one) => one['relatedSpdxElement'] === 'NOASSERTION')).toHaveLength(4);
  });

  it('keeps the scope of what tests alone need and of what is optional', () => {
    const document = cycloneDxDocument(graphOf('npm'), '1.6', tool);
    const scopes = (document['components'] as { name: string; scope: string }[]).map(
      ({ name, scope }) => [name, scope],
    );
    expect(Object.fromEntries(scopes)).toMatchObject({
      a: 'required',
      d: 'excluded',
      fsevents: 'optional',
    });
  });
});

describe('validation', () => {
  const bom = writers['CycloneDX 1.6']!(graphOf('npm'));
  const spdx = writers['SPDX 2.3']!(graphOf('npm'));
  const [first, ...rest] = spdx['packages'] as Record<string, unknown>[];

  it.each([
    ['a field that CycloneDX has not', { ...bom, extra: 1 }],
    ['a serial number that is none', { ...bom, serialNumber: 'urn:uuid:1' }],
    ['a dependency that no component is', { ...bom, dependencies: [{ ref: 'gone' }] }],
    ['a field that SPDX has not', { ...spdx, extra: 1 }],
    ['an element twice', { ...spdx, packages: [first, first, ...rest] }],
    ['a relationship to nothing', { ...spdx, packages: rest }],
    [
      'a package without a place to download',
      { ...spdx, packages: [{ SPDXID: 'SPDXRef-root', name: 'a' }, ...rest] },
    ],
    [
      'a checksum of another length',
      {
        ...spdx,
        packages: [
          { ...first, checksums: [{ algorithm: 'SHA256', checksumValue: 'ab' }] },
          ...rest,
        ],
      },
    ],
    ['a document that describes nothing', { ...spdx, relationships: [] }],
    ['another licence of the data', { ...spdx, dataLicense: 'MIT' }],
  ])('names %s', async (_, document) => {
    const { problems } = await validateSbom(json(document));
    expect(problems.length).toBeGreaterThan(0);
  });

  it.each([
    ['text', utf8('SPDXVersion: SPDX-2.3'), 'sbom-malformed'],
    ['JSON of something else', json({ hello: 1 }), 'sbom-malformed'],
    ['a version without a schema', json({ ...bom, specVersion: '9.9' }), 'sbom-malformed'],
  ])('refuses %s', async (_, bytes, code) => {
    const refusal = await validateSbom(bytes).catch((error: unknown) => error);
    expect((refusal as RebuildError).code).toBe(code);
  });

  it('refuses hostile documents by a code', () => {
    const value = fc.letrec((tie) => ({
      node: fc.dictionary(
        fc.constantFrom('name', 'purl', 'version', 'components', 'hashes', 'packages', 'SPDXID'),
        fc.oneof(
          { maxDepth: 4 },
          fc.string(),
          fc.integer(),
          fc.array(tie('node'), { maxLength: 3 }),
        ),
      ),
    })).node;
    fc.assert(
      fc.property(value, fc.boolean(), (body, isSpdx) => {
        const head = isSpdx
          ? { spdxVersion: 'SPDX-2.3' }
          : { bomFormat: 'CycloneDX', specVersion: '1.6' };
        try {
          readSbom(json({ ...(body as object), ...head }));
        } catch (error) {
          expect((error as RebuildError).code).toMatch(/^sbom-/);
        }
      }),
      { seed: 7, numRuns: 50 },
    );
  });
});

describe('package URLs', () => {
  it.each([
    'pkg:npm/%40scope/c@3.0.0',
    'pkg:golang/github.com/a/b@v2.0.0%2Bincompatible',
    'pkg:cargo/a@1.0.0?repository_url=https:%2F%2Fr.example%2Fi&vcs_url=git%2Bhttps:%2F%2Fe.org%2Fa%40b',
    'pkg:generic/a#sub/path',
  ])('keep their form: %s', (text) => {
    expect(formatPurl(parsePurl(text)!)).toBe(text);
  });

  it('are read back as they were written, whatever is in them', () => {
    const text = fc
      .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
      .filter((one) => !one.includes('/'));
    fc.assert(
      fc.property(text, text, text, (namespace, name, version) => {
        const purl = { type: 'generic', namespace, name, version, qualifiers: {} };
        expect(parsePurl(formatPurl(purl))).toEqual(purl);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it.each([
    ['pkg:npm/@scope/c@3.0.0', { namespace: '@scope', name: 'c', version: '3.0.0' }],
    ['pkg:npm/@scope/c', { namespace: '@scope', name: 'c' }],
    ['pkg:generic/a/@1', { name: 'a', version: '1' }],
    ['pkg:cargo/a?repository_url=https://r.example/i', { name: 'a' }],
  ])('are read in a looser form too: %s', (text, expected) => {
    const { namespace, name, version } = parsePurl(text)!;
    expect({ namespace, name, version }).toEqual({ namespace: undefined, ...expected });
  });

  it.each([
    '',
    'npm/a',
    'pkg:npm/@1.0.0',
    'pkg:',
    'pkg:npm',
    'pkg:npm/',
    'pkg:npm/%zz',
    `pkg:npm/${'a'.repeat(9000)}`,
  ])('refuse %j', (text) => {
    expect(parsePurl(text)).toBeUndefined();
  });
});
