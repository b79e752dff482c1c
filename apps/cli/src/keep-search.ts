import {
  encodeSearchEvidence,
  publicationTargets,
  resolveTrustRoot,
  type Evidence,
  type TrustRoot,
} from '@touchstone/attest';
import { revokerTargets } from '@touchstone/compose';
import type { PublicKey } from '@touchstone/note';
import { CliError, EXIT } from './failure.js';
import { serverOf } from './log-files.js';
import { LogSource } from './monitor/log-source.js';
import { recordSearch } from './monitor/search-log.js';

/** Leaves after the newest map that are read, and kept, at most. */
const MAX_SCAN = 65_536;

/** What a log is asked for all of. */
export interface Wanted {
  /** The rebuilds of these publications, by the rebuilders of the trust root. */
  readonly evidence: readonly Evidence[];
  /** What these keys signed. */
  readonly revokers: readonly PublicKey[];
}

/** Asks a log for all of that, and keeps its answer with the proof: search evidence. */
export async function keepSearch(
  { evidence, revokers }: Wanted,
  log: string,
  trustRoot: TrustRoot,
): Promise<{ bytes: Uint8Array; checkpoint: string }> {
  const [first, ...others] = [...publicationTargets(evidence), ...revokerTargets(revokers)];
  if (!first) throw new CliError('usage', 'there is nothing to ask a log for', EXIT.usage);
  const { logs, keys, witnessPolicy } = resolveTrustRoot(trustRoot);
  const { evidence: kept } = await recordSearch(new LogSource(serverOf(log)), {
    ...{ targets: [first, ...others], logs, witnessPolicy, maxScan: MAX_SCAN },
    // Whoever revokes is asked for by what stands in the leaves.
    signers: evidence.length === 0 ? [] : keys.map(({ keyId }) => keyId),
  });
  return { bytes: encodeSearchEvidence(kept), checkpoint: kept.checkpoint };
}
