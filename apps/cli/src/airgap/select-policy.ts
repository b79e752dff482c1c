import { viewOf, type LeafRange } from '@touchstone/airgap';
import { countsAt, resolveTrustRoot, type TrustRoot } from '@touchstone/attest';
import { TILE_WIDTH } from '@touchstone/merkle';
import { nodeSha256 } from '@touchstone/tlog';
import type { LogSource } from '../monitor/log-source.js';

/**
 * Indices of the entries that the trust root's policy can count: each signed by one key, that of an
 * enrolled rebuilder which was in service then. All others come to nothing at a site.
 */
export async function leavesByPolicy(
  log: LogSource,
  { begin, end }: LeafRange,
  trustRoot: TrustRoot,
  origin: string,
): Promise<Set<number>> {
  const keys = new Map(resolveTrustRoot(trustRoot).keys.map((key) => [key.keyId, key]));
  const leaves = new Set<number>();
  for (let from = begin; from < end; from = stepFrom(from)) {
    const read = await log.leaves(from, Math.min(stepFrom(from), end), end);
    for (const [at, leaf] of read.entries()) {
      const [only, ...others] = viewOf(leaf)?.signers ?? [];
      if (only === undefined || others.length > 0) continue;
      const key = keys.get(Buffer.from(nodeSha256(only.spki)).toString('hex'));
      if (key !== undefined && countsAt(key, origin, from + at)) leaves.add(from + at);
    }
  }
  return leaves;
}

/** To the beginning of the next bundle of the log. */
function stepFrom(index: number): number {
  return (Math.floor(index / TILE_WIDTH) + 1) * TILE_WIDTH;
}
