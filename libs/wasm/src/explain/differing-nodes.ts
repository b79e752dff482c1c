import {
  readBinary,
  type ComponentNode,
  type ComponentSection,
  type Node,
} from '../component/component.js';
import { WasmError } from '../errors.js';
import type { Span } from '../module.js';
import { samePiece, type Piece } from '../ranges.js';

/** A node that is not the same in two components: a core module, or what a component says itself. */
export interface DifferingNode {
  /** The same in both: nodes are held against each other by where they stand. */
  readonly path: string;
  readonly kind: Node['kind'];
  readonly status: 'different' | 'only-claimed' | 'only-observed';
  readonly claimed?: Span;
  readonly observed?: Span;
}

/**
 * Where two components differ, innermost, each byte looked at once: a component is named when its own definitions or custom
 * sections differ, not for what is nested in it. Undefined when a side is no readable component.
 */
export function differingNodes(
  claimed: Uint8Array,
  observed: Uint8Array,
): DifferingNode[] | undefined {
  const [left, right] = [componentOf(claimed), componentOf(observed)];
  if (left === undefined || right === undefined) return undefined;
  const found: DifferingNode[] = [];
  compare({ bytes: claimed, node: left }, { bytes: observed, node: right }, found);
  return found;
}

interface Part<N extends Node = Node> {
  readonly bytes: Uint8Array;
  readonly node: N;
}

function compare(a: Part, b: Part, found: DifferingNode[]): void {
  const [one, other] = [a.node, b.node];
  if (one.kind !== other.kind) {
    found.push(...only('claimed', one), ...only('observed', other));
    return;
  }
  const both = { claimed: spanOf(one), observed: spanOf(other) };
  if (one.kind === 'module' || other.kind === 'module') {
    if (!samePiece(pieceOf(a), pieceOf(b)))
      found.push({ path: one.path, kind: one.kind, status: 'different', ...both });
    return;
  }
  if (!sameOutside({ ...a, node: one }, { ...b, node: other })) {
    found.push({ path: one.path, kind: one.kind, status: 'different', ...both });
  }
  const count = Math.max(one.children.length, other.children.length);
  for (let at = 0; at < count; at += 1) {
    const [left, right] = [one.children[at], other.children[at]];
    if (left !== undefined && right !== undefined)
      compare({ bytes: a.bytes, node: left }, { bytes: b.bytes, node: right }, found);
    else found.push(...only('claimed', left), ...only('observed', right));
  }
}

/** The sections of a component but for the nodes that they hold. */
function sameOutside(a: Part<ComponentNode>, b: Part<ComponentNode>): boolean {
  const [as, bs] = [a.node.sections, b.node.sections];
  if (as.length !== bs.length) return false;
  return as.every((section, at) => {
    const other = bs[at];
    if (section.id !== other?.id) return false;
    if (section.child !== undefined) return true;
    return samePiece(bodyOf(a.bytes, section), bodyOf(b.bytes, other));
  });
}

function bodyOf(bytes: Uint8Array, section: ComponentSection): Piece {
  return { bytes, offset: section.bodyOffset, size: section.bodySize };
}

function only(side: 'claimed' | 'observed', node: Node | undefined): DifferingNode[] {
  if (node === undefined) return [];
  const { path, kind } = node;
  return [{ path, kind, status: `only-${side}`, [side]: spanOf(node) }];
}

function spanOf({ offset, size }: Node): Span {
  return { offset, size };
}

function pieceOf({ bytes, node: { offset, size } }: Part): Piece {
  return { bytes, offset, size };
}

function componentOf(bytes: Uint8Array): ComponentNode | undefined {
  try {
    const node = readBinary(bytes);
    return node.kind === 'component' ? node : undefined;
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}
