import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  API,
  COMPONENT,
  composition,
  custom,
  join,
  leb,
  MODULE,
  provider,
  runModule,
  section,
  vector,
} from './assemble.fixture.js';
import { ComposeError } from './errors.js';
import { deriveGraph } from './graph.js';
import { bindings } from './real.fixture.js';

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function refusal(bytes: Uint8Array): { code: string; node: string; offset: number } {
  try {
    deriveGraph(bytes);
  } catch (error) {
    if (error instanceof ComposeError) return error;
    throw error;
  }
  throw new Error('nothing thrown');
}

describe('deriveGraph', () => {
  it('finds nodes by digest and edges by interface', () => {
    const bytes = composition();
    const graph = deriveGraph(bytes);
    expect(graph.nodes.map(({ path, kind, instances }) => [path, kind, instances])).toEqual([
      ['/', 'component', 0],
      ['/component[0]', 'component', 1],
      ['/component[0]/module[0]', 'module', 1],
      ['/component[1]', 'component', 1],
      ['/component[1]/module[0]', 'module', 1],
      ['/component[2]', 'component', 1],
    ]);
    expect(graph.nodes[1]?.digest.sha256).toBe(hex(provider(0)));
    expect(graph.nodes[4]).toMatchObject({ digest: { sha256: hex(runModule(1)) } });
    for (const { offset, size, digest } of graph.nodes) {
      expect(hex(bytes.subarray(offset, offset + size))).toBe(digest.sha256);
    }
    expect(graph.edges.filter(({ kind }) => kind === 'import')).toEqual([
      { from: '/component[2]', to: '/component[0]', kind: 'import', interface: API },
    ]);
    expect(graph.edges).toContainEqual({
      ...{ from: '/component[0]', to: '/component[0]/module[0]' },
      ...{ kind: 'export', interface: API },
    });
    expect(graph.edges).toContainEqual({
      ...{ from: '/component[2]', to: '/component[2]', kind: 'export' },
      ...{ interface: 'demo:pkg/front@1.0.0', through: API },
    });
    expect(graph.exports).toEqual([{ kind: 'instance', name: 'demo:pkg/front@1.0.0' }]);
    expect(graph.imports).toEqual([]);
  });

  it('follows what wasm-tools writes through lowered functions, shims and fixups', () => {
    const { nodes, edges, imports } = deriveGraph(bindings);
    expect(nodes.map(({ path }) => path)).toEqual([
      ...['/', '/module[0]', '/module[1]', '/module[2]', '/component[0]'],
    ]);
    expect(imports).toEqual([{ kind: 'instance', name: 'demo:pkg/shapes@0.1.0' }]);
    // The main module gets one method through the shim, and the rest from the host.
    const label = 'cm32p2|demo:pkg/shapes@0.1';
    expect(edges.filter(({ from }) => from === '/module[0]')).toEqual([
      {
        ...{ from: '/module[0]', to: '/', kind: 'import', interface: label },
        through: 'demo:pkg/shapes@0.1.0',
      },
      { from: '/module[0]', to: '/', kind: 'import', interface: label },
      { from: '/module[0]', to: '/module[1]', kind: 'import', interface: label },
    ]);
    expect(edges).toContainEqual({ from: '/', to: '/module[0]', kind: 'export', interface: 'run' });
    expect(edges).toContainEqual({
      ...{ from: '/component[0]', to: '/module[0]' },
      ...{ kind: 'import', interface: 'import-func-ping' },
    });
  });

  it('gives the digest without attestation sections, of each node its own', () => {
    const inner = provider(0, custom('signature', [1]));
    const bare = composition({ first: inner });
    const graph = deriveGraph(composition({ first: inner, more: [custom('signature', [2])] }));
    expect(graph.nodes[0]?.contentDigest.sha256).toBe(hex(bare));
    expect(graph.nodes[1]?.digest.sha256).toBe(hex(inner));
    expect(graph.nodes[1]?.contentDigest.sha256).toBe(hex(provider(0)));
  });

  it('takes a module, which is one node', () => {
    const graph = deriveGraph(runModule());
    expect(graph.nodes).toHaveLength(1);
    expect(graph.edges).toEqual([]);
    expect(graph.exports).toEqual([{ kind: 'function', name: 'run' }]);
  });

  it('resolves modules that a nested component takes from outside', () => {
    const aliasOuter = vector(6, [0x00, 0x11, 0x02, 0x01, 0x00]);
    const inner = join(COMPONENT, aliasOuter, vector(2, [0x00, 0x00, 0x00]));
    const graph = deriveGraph(join(COMPONENT, section(1, runModule()), section(4, inner)));
    expect(graph.edges).toEqual([
      { from: '/component[0]', to: '/module[0]', kind: 'instantiates' },
    ]);
  });

  const dressed = join(COMPONENT, runModule().subarray(8));
  const short = join(COMPONENT, section(4, COMPONENT, [0x00, 0x05, 0x01]));
  it.each([
    ['a module dressed as a component', dressed, 'kind-disguised', '/'],
    [
      'a nested module dressed as a component',
      join(COMPONENT, section(4, dressed)),
      'kind-disguised',
      '/component[0]',
    ],
    [
      'a component dressed as a module',
      join(MODULE, composition().subarray(8)),
      'kind-disguised',
      '/',
    ],
    [
      'a component where a module belongs',
      join(COMPONENT, section(1, COMPONENT)),
      'kind-disguised',
      '/module[0]',
    ],
    [
      'a module where a component belongs',
      join(COMPONENT, section(4, MODULE)),
      'kind-disguised',
      '/component[0]',
    ],
    ['a section that is longer than its component', short, 'section-overrun', '/component[0]'],
    [
      'a section that is shorter than it says',
      join(COMPONENT, section(4, COMPONENT, section(7, [0x00, 0x00]))),
      'section-trailing-bytes',
      '/component[0]',
    ],
    ['a padded size', join(COMPONENT, [0x00, 0x82, 0x00, 0x01, 0x61]), 'leb-overlong', '/'],
  ])('refuses %s', (_, bytes, code, node) => {
    expect(refusal(bytes)).toMatchObject({ code, node });
  });

  it('refuses 10,000 nested levels', () => {
    const heads: Uint8Array[] = [];
    let size = COMPONENT.length;
    for (let level = 1; level < 10_000; level += 1) {
      const head = join(COMPONENT, [0x04], leb(size));
      heads.push(head);
      size += head.length;
    }
    const bytes = join(...heads.reverse(), COMPONENT);
    const deep = '/component[0]'.repeat(64);
    expect(refusal(bytes)).toMatchObject({ code: 'depth-exceeded', node: deep });
  });

  it('refuses more nodes than a graph may have', () => {
    const bytes = join(COMPONENT, ...Array.from({ length: 10_000 }, () => section(1, MODULE)));
    expect(refusal(bytes)).toMatchObject({ code: 'graph-too-large', node: '/', offset: 0 });
  });
});
