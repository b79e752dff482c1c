import { ComposeError } from './errors.js';
import { MAX_EDGES } from './limits.js';

/** How two nodes of a composition hang together. Paths are those of {@link GraphNode}. */
export interface GraphEdge {
  /** The one that depends. */
  readonly from: string;
  /** The one that is depended on. */
  readonly to: string;
  /**
   * `instantiates`: a component makes an instance of a module or component. `import`: an import of
   * `from` is satisfied by `to`. `export`: an export of `from` is what `to` provides.
   */
  readonly kind: 'instantiates' | 'import' | 'export';
  /** Name of the import or export. */
  readonly interface?: string;
  /** `to` passes on what it imports itself, by this name. */
  readonly through?: string;
}

/** One line that tells an edge from every other. */
export function edgeKey({ from, to, kind, interface: label, through }: GraphEdge): string {
  return JSON.stringify([from, to, kind, label ?? null, through ?? null]);
}

/** Edges as they are found, each once. */
export class EdgeList {
  readonly #edges = new Map<string, GraphEdge>();

  add(edge: GraphEdge, offset: number): void {
    const key = edgeKey(edge);
    if (this.#edges.has(key)) return;
    if (this.#edges.size === MAX_EDGES) {
      const message = `the composition has more than ${MAX_EDGES} edges`;
      throw new ComposeError('graph-too-large', edge.from, offset, message);
    }
    this.#edges.set(key, edge);
  }

  sorted(): GraphEdge[] {
    return [...this.#edges]
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, edge]) => edge);
  }
}
