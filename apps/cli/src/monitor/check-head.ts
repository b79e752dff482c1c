import type { TreeHead } from '@touchstone/attest';
import { MerkleError, verifyConsistency, type CompactRange } from '@touchstone/merkle';
import { nodeHasher, TileReader, TlogError } from '@touchstone/tlog';
import type { LogSource } from './log-source.js';

/** What a new checkpoint is, beside what was seen before. */
export type HeadCheck =
  /** The same tree, or one that it grew into; with the edge made from every leaf. */
  | { readonly result: 'grown'; readonly edge: CompactRange }
  /** An earlier state of the same tree: a cache, perhaps. */
  | { readonly result: 'older' }
  | { readonly result: 'fork'; readonly why: 'same-size' | 'no-consistency' }
  | { readonly result: 'tiles-wrong' };

const CHUNK = 4096;

/**
 * Holds a signed tree against the one whose edge is known. A larger one is built from its leaves:
 * the new root must come out, so no proof has to be believed. Only when it does not is the log
 * asked for a consistency proof, to tell a fork from wrong tiles.
 */
export async function checkHead(
  known: CompactRange,
  head: TreeHead,
  source: LogSource,
): Promise<HeadCheck> {
  if (head.size === known.size) {
    const same = Buffer.compare(known.root(), head.root) === 0;
    return same ? { result: 'grown', edge: known } : { result: 'fork', why: 'same-size' };
  }
  if (head.size < known.size) {
    const own = { size: known.size, root: known.root() };
    return (await isPrefix(head, own, source))
      ? { result: 'older' }
      : { result: 'fork', why: 'no-consistency' };
  }
  const edge = known.clone();
  while (edge.size < head.size) {
    const to = Math.min(edge.size + CHUNK, head.size);
    for (const leaf of await source.leaves(edge.size, to, head.size)) {
      edge.append(nodeHasher.leaf(leaf));
    }
  }
  if (Buffer.compare(edge.root(), head.root) === 0) return { result: 'grown', edge };
  const prefix = await isPrefix({ size: known.size, root: known.root() }, head, source);
  return prefix ? { result: 'tiles-wrong' } : { result: 'fork', why: 'no-consistency' };
}

/** Whether the log's own tiles prove that one tree grew into the other. */
async function isPrefix(small: TreeHead, large: TreeHead, source: LogSource): Promise<boolean> {
  const reader = new TileReader((path) => source.tile(path));
  try {
    const proof = await reader.consistencyProof(small.size, large.size);
    verifyConsistency(
      { size1: small.size, root1: small.root, size2: large.size, root2: large.root, proof },
      nodeHasher,
    );
    return true;
  } catch (error) {
    // A log that has no tiles to prove it with has not proved it; not being reached is passed on.
    if (error instanceof MerkleError || error instanceof TlogError) return false;
    throw error;
  }
}
