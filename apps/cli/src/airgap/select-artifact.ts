import { resolveTrustRoot, type TrustRoot } from '@touchstone/attest';
import { readTarget } from '../commands/search.js';
import { LogSource } from '../monitor/log-source.js';
import { searchLog } from '../monitor/search-log.js';

const MAX_SCAN = 65_536;

/** Indices of all entries that speak of the digests: as complete as `touchstone search` proves. */
export async function leavesOfArtifact(
  digests: readonly string[],
  logUrl: string,
  trustRoot: TrustRoot,
): Promise<Set<number>> {
  const { logs, keys } = resolveTrustRoot(trustRoot);
  const leaves = new Set<number>();
  for (const digest of digests) {
    const found = await searchLog({
      ...{ source: new LogSource(logUrl), targets: [readTarget(digest)], logs },
      signers: keys.map(({ keyId }) => keyId),
      maxScan: MAX_SCAN,
    });
    for (const { index } of found.entries) leaves.add(index);
  }
  return leaves;
}
