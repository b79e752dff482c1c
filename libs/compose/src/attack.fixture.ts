import {
  composition,
  join,
  section,
  COMPONENT,
  componentName,
  consumer,
  consumerOf,
  leb,
  provider,
  runModule,
} from './assemble.fixture.js';
import type { CompositionManifest } from './manifest.js';
import { composeManifest, embedManifest } from './write-manifest.js';

type Edit = (manifest: CompositionManifest) => void;

/** The usual composition with a manifest that was tampered with. */
export function tampered(edit: Edit): Uint8Array {
  const bytes = composition();
  const manifest = structuredClone(composeManifest(bytes));
  edit(manifest);
  return embedManifest(bytes, manifest);
}

/** The manifest of one file in another. */
export function transplanted(from: Uint8Array, to: Uint8Array): Uint8Array {
  return embedManifest(to, composeManifest(from));
}

const first = <T>(items: readonly T[]): T => items[0] as T;

function edgeTo(manifest: CompositionManifest, from: string, to: string): void {
  const edge = manifest.graph.edges.find(({ kind }) => kind === 'import');
  manifest.graph.edges.push({ ...edge, kind: 'import', from, to });
}

/** A component within which stands another, whose manifest says that it contains the outer one. */
function circularManifests(): Uint8Array {
  const inner = provider(0);
  const outer = (within: Uint8Array): Uint8Array => join(COMPONENT, section(4, within));
  // What the outer one is without its manifest cannot be in the manifest of what it holds; the
  // circle is therefore made of two nested components that claim each other.
  const [a, b] = [provider(1), consumer()];
  const claiming = (own: Uint8Array, other: string): Uint8Array => {
    const manifest = structuredClone(composeManifest(own));
    manifest.components.push({ path: '/component[0]', name: 'other', hash: { sha256: other } });
    return embedManifest(own, manifest);
  };
  const contentOf = (bytes: Uint8Array): string => composeManifest(bytes).root.contentDigest.sha256;
  const bytes = join(
    outer(inner),
    section(4, claiming(a, contentOf(b))),
    section(4, claiming(b, contentOf(a))),
  );
  return embedManifest(bytes, composeManifest(bytes));
}

/** What is wrong, the bytes, and the code and node that must be among the findings. */
export const ATTACKS: readonly (readonly [string, () => Uint8Array, string, string])[] = [
  [
    'a node substituted by one of the same name and size',
    () => {
      const [honest, other] = [
        provider(1, componentName('auth')),
        provider(1, componentName('auth')),
      ];
      other[codeAt(other)] = UNREACHABLE;
      return transplanted(composition({ second: honest }), composition({ second: other }));
    },
    'node-substituted',
    '/component[1]/module[0]',
  ],
  [
    'a node left out of the manifest',
    () => tampered(({ graph }) => void graph.nodes.splice(0, 1)),
    'node-missing',
    '/component[0]',
  ],
  [
    'a node added to the bytes',
    () => transplanted(composition(), join(composition(), section(4, provider(5)))),
    'node-missing',
    '/component[3]',
  ],
  [
    'a node added to the manifest',
    () =>
      tampered(
        ({ graph }) => void graph.nodes.push({ ...first(graph.nodes), path: '/component[7]' }),
      ),
    'node-extra',
    '/component[7]',
  ],
  [
    'a node listed twice',
    () => tampered(({ graph }) => void graph.nodes.push(first(graph.nodes))),
    'node-extra',
    '/',
  ],
  [
    'an edge moved in the bytes',
    () => transplanted(composition(), composition({ wire: 1 })),
    'edge-missing',
    '/component[2]',
  ],
  [
    'an edge moved in the manifest',
    () =>
      tampered(({ graph }) => {
        for (const edge of graph.edges) if (edge.kind === 'import') edge.to = '/component[1]';
      }),
    'edge-extra',
    '/component[2]',
  ],
  [
    'an edge left out',
    () => tampered(({ graph }) => void graph.edges.splice(0, 1)),
    'edge-missing',
    '/',
  ],
  [
    'dependencies in a circle',
    () =>
      tampered((manifest) => {
        edgeTo(manifest, '/component[0]', '/component[2]');
      }),
    'manifest-cycle',
    '/',
  ],
  ['manifests in a circle', circularManifests, 'manifest-cycle', '/component[1]'],
  [
    'an export that the manifest leaves out',
    () => tampered(({ graph }) => void graph.exports.splice(0, 1)),
    'interface-missing',
    '/',
  ],
  [
    'an import that the bytes do not have',
    () =>
      tampered(
        ({ graph }) => void graph.imports.push({ kind: 'instance', name: 'wasi:cli/run@0.2.0' }),
      ),
    'interface-extra',
    '/',
  ],
  [
    'an interface widened in the bytes',
    () => transplanted(composition(), composition({ last: consumer(consumerExport()) })),
    'node-substituted',
    '/component[2]',
  ],
  [
    'an interface widened: more is asked for than is given',
    () => embed(composition({ last: consumerOf({ funcs: ['run', 'stop'] }) })),
    'interface-incompatible',
    '/component[2]',
  ],
  [
    'a function of another type than is asked for',
    () => embed(composition({ last: consumerOf({ type: [0x40, 0x00, 0x00, 0x73] }) })),
    'interface-incompatible',
    '/component[2]',
  ],
  [
    'an import that nobody gives',
    () => embed(composition({ wanted: 'demo:pkg/other@1.0.0' })),
    'argument-missing',
    '/component[2]',
  ],
  [
    'a version of an interface for one of another track',
    () => {
      const name = 'demo:pkg/api@2.0.0';
      return embed(composition({ last: consumerOf({ name }), wanted: name }));
    },
    'version-incompatible',
    '/',
  ],
  [
    'a size in more bytes than it needs',
    () => join(COMPONENT, [0x04, 0x88, 0x00], COMPONENT),
    'leb-overlong',
    '/',
  ],
  ['10,000 nested levels', () => nestedLevels(10_000), 'depth-exceeded', deepest(64)],
  [
    'a section within that says it is longer than it is',
    () => join(COMPONENT, section(4, join(COMPONENT, [0x07, 0x7f, 0x01]))),
    'section-overrun',
    '/component[0]',
  ],
  [
    'a module dressed as a component',
    () => join(COMPONENT, section(4, join(COMPONENT, runModule().subarray(8)))),
    'kind-disguised',
    '/component[0]',
  ],
  [
    'the manifest of another composition',
    () => transplanted(composition({ second: provider(3) }), composition()),
    'manifest-transplanted',
    '/',
  ],
  [
    'one component of two digests, by name',
    () =>
      embed(
        composition({
          first: provider(0, componentName('auth')),
          second: provider(1, componentName('auth')),
        }),
      ),
    'component-duplicate',
    '/component[1]',
  ],
  [
    'a hash of a component that is another’s',
    () =>
      tampered(({ components, graph }) => {
        first(components).hash = first(graph.nodes.slice(-1)).digest;
      }),
    'node-substituted',
    '/component[0]',
  ],
  [
    'two manifests',
    () => {
      const bytes = embed(composition());
      return join(bytes, bytes.subarray(composition().length));
    },
    'manifest-duplicate',
    '/',
  ],
  ['no manifest', () => composition(), 'manifest-missing', '/'],
  ['a file cut short', () => embed(composition()).subarray(0, -1), 'section-overrun', '/'],
];

/** A component of so many levels, each within the next; built from the inside out. */
function nestedLevels(levels: number): Uint8Array {
  const heads: Uint8Array[] = [];
  let size = COMPONENT.length;
  for (let level = 1; level < levels; level += 1) {
    const head = join(COMPONENT, [0x04], leb(size));
    heads.push(head);
    size += head.length;
  }
  return join(...heads.reverse(), COMPONENT);
}

function deepest(levels: number): string {
  return '/component[0]'.repeat(levels);
}

const UNREACHABLE = 0x00;

/** Where the no-op of the one function of a provider stands, before its `end`. */
function codeAt(bytes: Uint8Array): number {
  return bytes.findIndex((byte, index) => byte === 0x01 && bytes[index + 1] === 0x0b);
}

/** One more export of the same instance. */
function consumerExport(): Uint8Array {
  const name = new TextEncoder().encode('demo:pkg/more@1.0.0');
  return section(11, [0x01, 0x00, name.length], name, [0x05, 0x00, 0x00]);
}

function embed(bytes: Uint8Array): Uint8Array {
  return embedManifest(bytes, composeManifest(bytes));
}
