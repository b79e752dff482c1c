import {
  differingNodes,
  explainDifference,
  formatExplanation,
  type DifferingNode,
  type Explanation,
} from '@touchstone/wasm';
import { explanationDocument } from './document.js';

/** So many differing core modules of two components are explained; the others are named. */
const MAX_EXPLAINED = 8;

/** What two files differ in, for a terminal: of components the nodes that differ, each explained. */
export function differenceLines(
  explanation: Explanation,
  claimed: Uint8Array,
  observed: Uint8Array,
): string[] {
  const nodes = differingNodes(claimed, observed);
  if (nodes === undefined || nodes.length === 0) {
    return formatExplanation(explanation, claimed, observed);
  }
  const sizes = `Claimed: ${claimed.length} bytes. Observed: ${observed.length} bytes.`;
  const count = nodes.length === 1 ? 'one node' : `${nodes.length} nodes`;
  const lines = [`The components differ in ${count}. ${sizes}`];
  for (const [node, explained] of explainedNodes(nodes, claimed, observed)) {
    lines.push(`${node.path}  ${node.kind}  ${statusOf(node)}`);
    if (explained === undefined) continue;
    const { explanation: inner, sides } = explained;
    lines.push(...formatExplanation(inner, ...sides).map((line) => `  ${line}`));
  }
  return lines;
}

/** The same as JSON; undefined of what are no two components. */
export function differingNodesDocument(
  claimed: Uint8Array,
  observed: Uint8Array,
): object[] | undefined {
  const nodes = differingNodes(claimed, observed);
  if (nodes === undefined) return undefined;
  return explainedNodes(nodes, claimed, observed).map(([node, explained]) => ({
    ...node,
    ...(explained === undefined
      ? {}
      : { difference: explanationDocument(explained.explanation, ...explained.sides) }),
  }));
}

interface Explained {
  readonly explanation: Explanation;
  readonly sides: readonly [Uint8Array, Uint8Array];
}

/** Core modules that both have are explained by themselves: places count from their own start. */
function explainedNodes(
  nodes: readonly DifferingNode[],
  claimed: Uint8Array,
  observed: Uint8Array,
): [DifferingNode, Explained | undefined][] {
  let left = MAX_EXPLAINED;
  return nodes.map((node) => {
    if (node.kind !== 'module' || node.status !== 'different' || left === 0)
      return [node, undefined];
    left -= 1;
    const sides = [of(node.claimed, claimed), of(node.observed, observed)] as const;
    return [node, { explanation: explainDifference(...sides), sides }];
  });
}

function of(span: DifferingNode['claimed'], bytes: Uint8Array): Uint8Array {
  const { offset, size } = span ?? { offset: 0, size: 0 };
  return bytes.subarray(offset, offset + size);
}

function statusOf({ kind, status, claimed, observed }: DifferingNode): string {
  const where = [
    ...(claimed === undefined ? [] : [`claimed at 0x${claimed.offset.toString(16)}`]),
    ...(observed === undefined ? [] : [`observed at 0x${observed.offset.toString(16)}`]),
  ].join(', ');
  if (status !== 'different') return `${status.replace('-', ' ')}: ${where}`;
  const what = kind === 'module' ? 'different' : 'different in its own definitions or sections';
  return `${what}: ${where}`;
}
