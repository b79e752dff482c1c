import type { Node } from '@touchstone/wasm';
import { EdgeList } from './edges.js';
import { portsOf, type CompositionGraph } from './graph.js';
import { followReferences } from './providers.js';

/**
 * The graph of one node as if it stood alone, with that node as `/`. Places stay those of the file.
 *
 * @throws ComposeError `graph-too-large`
 */
export function subgraph(
  bytes: Uint8Array,
  node: Node,
  { nodes }: CompositionGraph,
): CompositionGraph {
  const edges = new EdgeList();
  if (node.kind === 'component') followReferences(node, edges, new Map());
  const base = node.path === '/' ? '' : node.path;
  const rebase = (path: string): string => (path === node.path ? '/' : path.slice(base.length));
  return {
    nodes: nodes
      .filter(({ path }) => path === node.path || path.startsWith(`${base}/`))
      .map((each) => ({ ...each, path: rebase(each.path) })),
    edges: edges
      .sorted()
      .map((edge) => ({ ...edge, from: rebase(edge.from), to: rebase(edge.to) })),
    ...portsOf(bytes, node),
  };
}
