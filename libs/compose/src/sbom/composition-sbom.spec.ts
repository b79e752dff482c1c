import { describe, expect, it } from 'vitest';
import { composition, provider } from '../assemble.fixture.js';
import { ComposeError } from '../errors.js';
import { deriveGraph } from '../graph.js';
import { compositionSbom, type CompositionSbomOptions } from './composition-sbom.js';
import { nodePurl } from './node-purl.js';

const bytes = composition({ second: provider(1) });
const graph = deriveGraph(bytes);
const options: CompositionSbomOptions = { name: 'app.wasm', toolVersion: '0.1.0' };

const nested = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  metadata: { component: { type: 'application', name: 'auth', 'bom-ref': 'root' } },
  components: [
    {
      type: 'library',
      name: 'ring',
      version: '0.17.8',
      'bom-ref': 'ring',
      licenses: [{ license: { id: 'ISC' } }],
      components: [{ type: 'library', name: 'inner', 'bom-ref': 'inner' }],
    },
  ],
  dependencies: [{ ref: 'root', dependsOn: ['ring'] }, { ref: 'ring' }],
  compositions: [{ aggregate: 'incomplete', dependencies: ['ring'] }],
  vulnerabilities: [{ id: 'CVE-2026-1' }],
};

interface Bom {
  specVersion: string;
  serialNumber: string;
  metadata: { component: Record<string, unknown>; timestamp?: string };
  components: Record<string, unknown>[];
  dependencies: { ref: string; dependsOn: string[] }[];
  compositions: { aggregate: string; assemblies?: string[]; dependencies?: string[] }[];
}

const bom = (more: Partial<CompositionSbomOptions> = {}): Bom =>
  compositionSbom(graph, { ...options, ...more }) as unknown as Bom;

describe('the bill of materials of a composition', () => {
  it('has every node with its digest, and who imports from whom', () => {
    const { metadata, components, dependencies } = bom();
    const [root, ...others] = graph.nodes;
    expect(metadata.component).toMatchObject({
      type: 'application',
      name: 'app.wasm',
      hashes: [{ alg: 'SHA-256', content: root?.digest.sha256 }],
    });
    expect(components.map((each) => each['bom-ref'])).toEqual(
      others.map(({ path }) => `node:${path}`),
    );
    const wired = graph.edges.find(({ kind }) => kind === 'import');
    const from = dependencies.find(({ ref }) => ref === `node:${String(wired?.from)}`);
    expect(from?.dependsOn).toContain(`node:${String(wired?.to)}`);
  });

  it('says that nesting is complete and that what went into a module is unknown', () => {
    expect(bom().compositions).toEqual([
      { aggregate: 'complete', assemblies: ['node:/'] },
      {
        aggregate: 'unknown',
        assemblies: graph.nodes
          .filter(({ kind }) => kind === 'module')
          .map(({ path }) => `node:${path}`),
      },
    ]);
  });

  it('merges nested documents, their references made unique', () => {
    const sboms = [
      { node: '/component[0]', document: nested, attestedBy: ['Acme', 'Birch'], others: 1 },
      { node: '/component[1]', document: new TextEncoder().encode(JSON.stringify(nested)) },
    ];
    const document = bom({ sboms });
    const first = document.components.find((each) => each['bom-ref'] === 'node:/component[0]');
    expect(first).toMatchObject({
      components: [
        {
          name: 'ring',
          version: '0.17.8',
          licenses: [{ license: { id: 'ISC' } }],
          'bom-ref': 'node:/component[0]|ring',
          components: [{ name: 'inner', 'bom-ref': 'node:/component[0]|inner' }],
        },
      ],
    });
    expect(first?.['properties']).toEqual(
      expect.arrayContaining([
        { name: 'touchstone:composition:sbom', value: 'attested by Acme, Birch' },
        { name: 'touchstone:composition:sbom-others', value: '1' },
        { name: 'touchstone:composition:sbom-left-out', value: 'vulnerabilities' },
      ]),
    );
    const refs = document.dependencies.map(({ ref }) => ref);
    expect(new Set(refs).size).toBe(refs.length);
    expect(document.dependencies).toContainEqual({ ref: 'node:/component[1]|ring', dependsOn: [] });
    const own = document.dependencies.find(({ ref }) => ref === 'node:/component[0]');
    expect(own?.dependsOn).toContain('node:/component[0]|ring');
    expect(document.compositions).toContainEqual({
      aggregate: 'incomplete',
      dependencies: ['node:/component[1]|ring'],
    });
    // A document about a component speaks for the module in it.
    expect(document.compositions.filter(({ aggregate }) => aggregate === 'unknown')).toEqual([]);
  });

  it('is the same for the same input, and has no time of its own', () => {
    expect(bom()).toEqual(bom());
    expect(bom().metadata.timestamp).toBeUndefined();
    expect(bom({ timestamp: '1970-01-01T00:00:00.000Z' }).serialNumber).not.toBe(
      bom().serialNumber,
    );
    expect(bom().serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/u);
  });

  it.each([
    ['no CycloneDX', '/component[0]', { bomFormat: 'SPDX' }, 'sbom-malformed'],
    ['no JSON', '/component[0]', Uint8Array.of(0x7b), 'sbom-malformed'],
    ['another version', '/component[0]', { ...nested, specVersion: '2.0' }, 'sbom-malformed'],
    ['too deep', '/component[0]', { ...nested, components: [deep(40)] }, 'sbom-malformed'],
    ['a node that is not there', '/component[9]', nested, 'claim-unknown-node'],
  ])('refuses %s', (_, node, document, code) => {
    const made = (): unknown => bom({ sboms: [{ node, document }] });
    expect(made).toThrow(ComposeError);
    expect(made).toThrow(expect.objectContaining({ code }));
  });
});

function deep(levels: number): Record<string, unknown> {
  const leaf = { type: 'library', name: 'x' };
  return levels === 0 ? leaf : { ...leaf, components: [deep(levels - 1)] };
}

describe('the package URL of a node', () => {
  const digest = 'a'.repeat(64);
  it.each([
    ['auth', undefined, `pkg:generic/auth?checksum=sha256:${digest}`],
    [
      'demo:pkg/front',
      { version: '1.0.0+b' },
      `pkg:generic/demo:pkg/front@1.0.0%2Bb?checksum=sha256:${digest}`,
    ],
    [
      'auth',
      { source: 'oci://ghcr.io/vendor/auth:1.2' },
      `pkg:oci/auth@sha256:${digest}?repository_url=ghcr.io%2Fvendor%2Fauth`,
    ],
    ['\ud800(x)', undefined, `pkg:generic/%EF%BF%BD%28x%29?checksum=sha256:${digest}`],
  ])('of %s', (name, claim, expected) => {
    expect(nodePurl(digest, name, claim)).toBe(expected);
  });
});
