import type { CompositionGraph } from './graph.js';

/** A time by which these very bytes were there, as a log or its witnesses signed it. */
export interface ProvenTime {
  /** Hex SHA-256 of the bytes. */
  readonly sha256: string;
  readonly time: Date;
}

/**
 * For each node, by its path, the earliest time at which it is proven to have been there: its own
 * bytes, or those of a component around it, which hold them. A signature in its bytes is as old.
 */
export function earliestByNode(
  { nodes }: CompositionGraph,
  times: readonly ProvenTime[],
): Map<string, Date> {
  const byDigest = new Map<string, Date>();
  for (const { sha256, time } of times) {
    const known = byDigest.get(sha256);
    if (known === undefined || time < known) byDigest.set(sha256, time);
  }
  const byNode = new Map<string, Date>();
  // Outermost first, so that what is around a node is known before it.
  for (const { path, digest } of nodes) {
    const own = byDigest.get(digest.sha256);
    const around = path === '/' ? undefined : byNode.get(parentOf(path));
    const [first, second] = [own, around].filter((time) => time !== undefined);
    if (first === undefined) continue;
    byNode.set(path, second !== undefined && second < first ? second : first);
  }
  return byNode;
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end === 0 ? '/' : path.slice(0, end);
}
