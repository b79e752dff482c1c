import type { CapsuleReport, GraphNode } from '@touchstone/compose';
import { oneLine } from './graph-view.js';

/** The file as a tree: what each node is, and of core modules who rebuilt it. */
export function capsuleTree({ graph, proofs = [], capsule }: CapsuleReport): string[] {
  const nodes = graph?.nodes ?? [];
  const proven = new Map(proofs.map((proof) => [proof.node, proof]));
  const listed = new Set(capsule.sboms.map(({ node }) => node));
  return nodes.map((node, row) => {
    const proof = proven.get(node.path);
    const said = (proof?.votes ?? [])
      .map((vote) => `${vote.organisation}: ${vote.outcome}`)
      .join(', ');
    const by = proof?.by === undefined || proof.by === node.path ? '' : `, by ${proof.by}`;
    const verdict =
      proof === undefined ? '' : `  ${proof.verdict}${by}${said && ` (${oneLine(said)})`}`;
    const attested =
      proof === undefined || proof.sboms.length === 0
        ? ''
        : `  bill of materials by ${oneLine(proof.sboms.join(', '))}`;
    const sbom = listed.has(node.path) ? '  with a bill of materials' : attested;
    const name = row === 0 ? capsule.file.name : (node.name ?? node.kind);
    return `${branch(nodes, row)}${oneLine(name)}  ${node.path}  sha256:${node.digest.sha256.slice(0, 16)}…${verdict}${sbom}`;
  });
}

const depthOf = (path: string): number => (path === '/' ? 0 : path.split('/').length - 1);

/** The lines before a node: one for each level at which more is to come. Nodes stand outermost first. */
function branch(nodes: readonly GraphNode[], row: number): string {
  const depth = depthOf(nodes[row]?.path ?? '/');
  let lines = '';
  for (let level = 1; level <= depth; level++) {
    const goesOn = hasSibling(nodes, row, level);
    if (level === depth) lines += goesOn ? '├─ ' : '└─ ';
    else lines += goesOn ? '│  ' : '   ';
  }
  return lines;
}

function hasSibling(nodes: readonly GraphNode[], row: number, level: number): boolean {
  for (let next = row + 1; next < nodes.length; next++) {
    const depth = depthOf(nodes[next]?.path ?? '/');
    if (depth < level) return false;
    if (depth === level) return true;
  }
  return false;
}
