import type { CompositionGraph, GraphEdge, GraphNode } from '@touchstone/compose';

/** A tree of the nodes, with who gives each what it imports. */
export function graphLines(graph: CompositionGraph): string[] {
  const edges = new Map<string, GraphEdge[]>();
  for (const edge of graph.edges) {
    const known = edges.get(edge.from);
    if (known === undefined) edges.set(edge.from, [edge]);
    else known.push(edge);
  }
  return [
    ...graph.nodes.flatMap((node) => nodeLines(node, edges.get(node.path) ?? [])),
    ...graph.imports.map(({ kind, name }) => `import  ${kind} ${name}`),
    ...graph.exports.map(({ kind, name }) => `export  ${kind} ${name}`),
  ];
}

function nodeLines(node: GraphNode, edges: readonly GraphEdge[]): string[] {
  const { path, kind, name, offset, size, digest, contentDigest } = node;
  const indent = '  '.repeat(path === '/' ? 0 : path.split('/').length - 1);
  const content =
    contentDigest.sha256 === digest.sha256
      ? []
      : [`${indent}  without attestation sections sha256:${contentDigest.sha256}`];
  return [
    `${indent}${path}  ${kind}${name === undefined ? '' : ` ${oneLine(name)}`}  bytes ${offset} to ${offset + size}`,
    `${indent}  sha256:${digest.sha256}`,
    ...content,
    ...edges.flatMap((edge) => edgeLine(edge).map((line) => `${indent}  ${line}`)),
  ];
}

function edgeLine({ to, kind, interface: label = '', through }: GraphEdge): string[] {
  if (kind === 'instantiates') return [`instantiates ${to}`];
  const passed = through === undefined ? '' : ` (its import ${oneLine(through)})`;
  return [`${kind} ${oneLine(label)} ← ${to}${passed}`];
}

/** Graphviz; edges that only say what instantiates what are drawn thin. */
export function graphDot(graph: CompositionGraph): string {
  return [
    'digraph composition {',
    '  rankdir=LR;',
    '  node [shape=box, fontname="monospace"];',
    ...graph.nodes.map((node) => {
      const lines = [
        node.path,
        node.name ?? node.kind,
        `sha256:${node.digest.sha256.slice(0, 16)}…`,
      ];
      const shape = node.kind === 'module' ? '' : ', style=rounded';
      return `  ${quote(node.path)} [label=${quote(lines.join('\n'))}${shape}];`;
    }),
    ...graph.edges.map(({ from, to, kind, interface: label = '', through }) => {
      const passed = through === undefined || through === label ? '' : ` (${through})`;
      const style = kind === 'import' ? '' : `, style=${kind === 'export' ? 'dashed' : 'dotted'}`;
      return `  ${quote(from)} -> ${quote(to)} [label=${quote(label + passed)}${style}];`;
    }),
    '}',
  ].join('\n');
}

function quote(text: string): string {
  const escaped = text.replace(/[\\"]/gu, '\\$&').replaceAll('\n', '\\n');
  return `"${oneLine(escaped)}"`;
}

/** Names come from the file: none may pass for a line of ours. */
export function oneLine(name: string): string {
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
  return name.replace(hidden, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
