import { edgeKey, type GraphEdge } from './edges.js';
import type { ComposeErrorCode, Finding } from './errors.js';
import type { CompositionGraph, GraphNode, Port } from './graph.js';
import type { CompositionManifest, ManifestComponent } from './manifest.js';
import type { ListedComponents } from './older-manifest.js';

type Check<M> = (manifest: M, graph: CompositionGraph) => Finding[];

/** The manifest was written for these bytes and no others. */
export const checkRoot: Check<CompositionManifest> = ({ root }, graph) => {
  const node = rootOf(graph);
  if (root.kind === node.kind && root.contentDigest.sha256 === node.contentDigest.sha256) return [];
  const message = `the manifest is that of a ${root.kind} of content sha256:${root.contentDigest.sha256}; this is a ${node.kind} of sha256:${node.contentDigest.sha256}`;
  return [at(node, 'manifest-transplanted', message)];
};

/** Each node of the bytes stands in the manifest with its kind and digest, and no other does. */
export const checkNodes: Check<CompositionManifest> = (manifest, graph) => {
  const derived = nestedOf(graph);
  const listed = new Map(manifest.graph.nodes.map((node) => [node.path, node]));
  const findings: Finding[] = [];
  if (listed.size !== manifest.graph.nodes.length) {
    findings.push(at(rootOf(graph), 'node-extra', 'the manifest lists one node twice'));
  }
  for (const node of derived.values()) {
    const claim = listed.get(node.path);
    if (claim === undefined) {
      findings.push(at(node, 'node-missing', `the manifest leaves out ${describe(node)}`));
    } else if (claim.digest.sha256 !== node.digest.sha256 || claim.kind !== node.kind) {
      const message = `the manifest says ${claim.kind} sha256:${claim.digest.sha256}; this is ${describe(node)}`;
      findings.push(at(node, 'node-substituted', message));
    }
  }
  return [...findings, ...extraNodes(listed.keys(), derived)];
};

/** What is said of a component is said of a node that is there, by its digest. */
export const checkComponents: Check<CompositionManifest> = ({ components }, graph) => {
  const derived = nestedOf(graph);
  const wrong = components.flatMap((component) => {
    const node = derived.get(component.path);
    if (node === undefined || node.digest.sha256 === component.hash.sha256) return [];
    const message = `the manifest says that ${component.name} is sha256:${component.hash.sha256}; this is ${describe(node)}`;
    return [at(node, 'node-substituted', message)];
  });
  return [...extraNodes(new Set(components.map(({ path }) => path)), derived), ...wrong];
};

/** Each edge of the bytes stands in the manifest, and no other does. */
export const checkEdges: Check<CompositionManifest> = (manifest, graph) => {
  const derived = new Map(graph.edges.map((edge) => [edgeKey(edge), edge]));
  const listed = new Map(manifest.graph.edges.map((edge) => [edgeKey(edge), edge]));
  const nodes = new Map(graph.nodes.map((node) => [node.path, node]));
  const finding = (code: ComposeErrorCode, edge: GraphEdge, message: string): Finding => {
    const node = nodes.get(edge.from);
    return node === undefined ? { code, node: edge.from, message } : at(node, code, message);
  };
  return [
    ...missing(derived, listed).map((edge) =>
      finding('edge-missing', edge, `the manifest leaves out that ${describeEdge(edge)}`),
    ),
    ...missing(listed, derived).map((edge) =>
      finding('edge-extra', edge, `the manifest says that ${describeEdge(edge)}; the bytes do not`),
    ),
  ];
};

/** What the whole imports and exports. */
export const checkInterfaces: Check<CompositionManifest> = (manifest, graph) =>
  (['imports', 'exports'] as const).flatMap((direction) => {
    const root = rootOf(graph);
    const derived = new Map(graph[direction].map((port) => [portKey(port), port]));
    const listed = new Map(manifest.graph[direction].map((port) => [portKey(port), port]));
    return [
      ...missing(derived, listed).map(({ kind, name }) =>
        at(
          root,
          'interface-missing',
          `the manifest leaves out of the ${direction}: ${kind} ${name}`,
        ),
      ),
      ...missing(listed, derived).map(({ kind, name }) =>
        at(
          root,
          'interface-extra',
          `the file does not have among its ${direction}: ${kind} ${name}`,
        ),
      ),
    ];
  });

/**
 * Of a manifest without a graph: each component that it lists is in the bytes by its hash, and each
 * component right below the file is listed.
 */
export const checkListed: Check<ListedComponents> = ({ components }, graph) => {
  const root = rootOf(graph);
  const nested = graph.nodes.slice(1);
  const present = new Set(
    nested.flatMap(({ digest, contentDigest }) => [digest.sha256, contentDigest.sha256]),
  );
  const listed = new Set(components.map(({ sha256 }) => sha256));
  return [
    ...nested
      .filter(
        ({ path, kind, digest, contentDigest }) =>
          kind === 'component' &&
          path.lastIndexOf('/') === 0 &&
          !listed.has(digest.sha256) &&
          !listed.has(contentDigest.sha256),
      )
      .map((node) => at(node, 'node-missing', `the manifest leaves out ${describe(node)}`)),
    ...components
      .filter(({ sha256 }) => !present.has(sha256))
      .map(({ name, sha256 }) =>
        at(root, 'node-extra', `the file does not hold ${name} of sha256:${sha256}`),
      ),
  ];
};

/** One component, told by name and source, must not be there in two versions of its bytes. */
export function checkDuplicates(
  components: readonly ManifestComponent[],
  graph: CompositionGraph,
): Finding[] {
  const digests = new Map<string, { digest: string; path: string }>();
  const findings: Finding[] = [];
  const see = (identity: string, what: string, digest: string, path: string): void => {
    const first = digests.get(identity);
    if (first === undefined) digests.set(identity, { digest, path });
    else if (first.digest !== digest) {
      const node = graph.nodes.find((each) => each.path === path);
      const message = `${what} stands at ${first.path} as sha256:${first.digest} and at ${path} as sha256:${digest}`;
      const finding = { code: 'component-duplicate', message } as const;
      findings.push(
        node === undefined ? { ...finding, node: path } : at(node, finding.code, message),
      );
    }
  };
  for (const { name, source, hash, path } of components) {
    // A path stands where nobody gave a name, and says nothing about what it is.
    if (name.startsWith('/')) continue;
    see(JSON.stringify(['claim', name, source ?? null]), name, hash.sha256, path);
  }
  for (const { kind, name, contentDigest, path } of graph.nodes) {
    // Names of core modules are given by tools: every shim of every component has the same.
    if (kind !== 'component' || name === undefined || name === '') continue;
    see(JSON.stringify(['name', name]), name, contentDigest.sha256, path);
  }
  return findings;
}

export function at(node: GraphNode, code: ComposeErrorCode, message: string): Finding {
  return { code, node: node.path, offset: node.offset, message };
}

export function rootOf(graph: CompositionGraph): GraphNode {
  return graph.nodes[0] as GraphNode;
}

function nestedOf(graph: CompositionGraph): Map<string, GraphNode> {
  return new Map(graph.nodes.slice(1).map((node) => [node.path, node]));
}

function extraNodes(listed: Iterable<string>, derived: ReadonlyMap<string, GraphNode>): Finding[] {
  return [...listed]
    .filter((path) => !derived.has(path))
    .map((path) => ({
      code: 'node-extra',
      node: path,
      message: `the manifest lists ${path}, which the file does not have`,
    }));
}

function describe({ kind, path, digest }: GraphNode): string {
  return `the ${kind} ${path} of sha256:${digest.sha256}`;
}

function describeEdge({ from, to, kind, interface: label = '', through }: GraphEdge): string {
  if (kind === 'instantiates') return `${from} instantiates ${to}`;
  const passed = through === undefined ? '' : `, which it imports as ${through}`;
  return `the ${kind} ${label} of ${from} is given by ${to}${passed}`;
}

function portKey({ kind, name }: Port): string {
  return JSON.stringify([kind, name]);
}

function missing<T>(wanted: ReadonlyMap<string, T>, there: ReadonlyMap<string, T>): T[] {
  return [...wanted].flatMap(([key, value]) => (there.has(key) ? [] : [value]));
}
