import type { CompositionGraph, GraphEdge, GraphNode, NodeProof } from '@touchstone/compose';
import { oneLine } from './graph-view.js';

/** More rows than this are no picture. */
export const MAX_DRAWN_NODES = 1000;

const ROW = 44;
const INDENT = 28;
const BOX = { width: 430, height: 34 };
const MARGIN = 16;
/** How far apart arcs run beside the boxes, and how many before they share a lane. */
const LANE = { gap: 14, count: 16 };

const FILL = {
  reproduced: '#d8f0d8',
  disputed: '#f7c9c4',
  different: '#f7c9c4',
  pending: '#fdf0c8',
  insufficient: '#fdf0c8',
  unproven: '#e6e6e6',
} as const;

/**
 * The graph as an SVG that stands alone: a row for each node, indented by how deep it is nested, an
 * arc from who gives an import to who gets it. With `proofs` the box of each core module says its
 * verdict in words and colour. The same graph gives the same bytes.
 */
export function graphSvg(graph: CompositionGraph, proofs: readonly NodeProof[] = []): string {
  const nodes = graph.nodes.slice(0, MAX_DRAWN_NODES);
  const rows = new Map(nodes.map((node, row) => [node.path, { node, row }]));
  const verdicts = new Map(proofs.map((proof) => [proof.node, proof]));
  const arcs = graph.edges.filter(
    ({ from, to, kind }) => kind === 'import' && from !== to && rows.has(from) && rows.has(to),
  );
  const depth = Math.max(...nodes.map(depthOf));
  const right = MARGIN + depth * INDENT + BOX.width;
  const width = right + LANE.gap * (Math.min(arcs.length, LANE.count) + 1) + MARGIN;
  const height = MARGIN * 2 + nodes.length * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">`,
    '<title>What the file is made of</title>',
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...nodes.map((node, row) => box(node, row, verdicts.get(node.path))),
    ...arcs.map((edge, index) => arc(edge, { index, right, rows })),
    '</svg>',
    '',
  ].join('\n');
}

function depthOf({ path }: GraphNode): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}

function box(node: GraphNode, row: number, proof: NodeProof | undefined): string {
  const x = MARGIN + depthOf(node) * INDENT;
  const y = MARGIN + row * ROW;
  const name = node.name === undefined ? '' : ` ${short(node.name, 32)}`;
  const verdict = proof === undefined ? '' : ` · ${proof.verdict}${voters(proof)}`;
  const first = `${short(node.path, 30)}${name}`;
  const second = `sha256:${node.digest.sha256.slice(0, 16)}…${verdict}`;
  const radius = node.kind === 'component' ? 8 : 0;
  return (
    `<g><title>${escape(`${node.path} sha256:${node.digest.sha256}`)}</title>` +
    `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="${radius}" fill="${proof === undefined ? '#f4f4f4' : FILL[proof.verdict]}" stroke="#444"/>` +
    `<text x="${x + 8}" y="${y + 14}">${escape(first)}</text>` +
    `<text x="${x + 8}" y="${y + 28}">${escape(short(second, 66))}</text></g>`
  );
}

function voters({ votes }: NodeProof): string {
  return votes.length === 0 ? '' : ` (${votes.map(({ organisation }) => organisation).join(', ')})`;
}

interface Lanes {
  readonly index: number;
  readonly right: number;
  readonly rows: ReadonlyMap<string, { readonly node: GraphNode; readonly row: number }>;
}

/** From the provider's box to that of the node which imports. */
function arc(
  { from, to, interface: label = '' }: GraphEdge,
  { index, right, rows }: Lanes,
): string {
  const [importer, provider] = [rows.get(from), rows.get(to)];
  if (importer === undefined || provider === undefined) return '';
  const edgeOf = ({ node, row }: typeof importer): [number, number] => [
    MARGIN + depthOf(node) * INDENT + BOX.width,
    MARGIN + row * ROW + BOX.height / 2,
  ];
  const [[x1, y1], [x2, y2]] = [edgeOf(provider), edgeOf(importer)];
  const lane = right + LANE.gap * ((index % LANE.count) + 1);
  return `<path d="M${x1} ${y1 + 4}H${lane}V${y2 - 4}H${x2}" fill="none" stroke="#555" marker-end="url(#tip)"><title>${escape(label)}</title></path>`;
}

function short(text: string, length: number): string {
  const chars = Array.from(text);
  return chars.length <= length ? text : `${chars.slice(0, length - 1).join('')}…`;
}

/** Names come from the file: they must not become markup, nor what XML cannot hold. */
function escape(text: string): string {
  return oneLine(text).replace(/[&<>"']/gu, (char) => `&#${char.charCodeAt(0)};`);
}
