import {
  encodeSearchEvidence,
  parseSearchEvidence,
  resolveTrustRoot,
  type TrustRoot,
} from '@touchstone/attest';
import { revokerTargets, type AskedRevocations } from '@touchstone/compose';
import type { PublicKey } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';
import { serverOf } from '../log-files.js';
import { sha256 } from '../native-hash.js';
import { LogSource } from '../monitor/log-source.js';
import { recordSearch } from '../monitor/search-log.js';

/** Leaves after the newest map that are read, and kept, at most. */
const MAX_SCAN = 65_536;

/** Asks a log for all that these keys signed, and keeps its answer with the proof: search evidence. */
export async function searchRevokers(
  revokers: readonly PublicKey[],
  log: string,
  trustRoot: TrustRoot,
): Promise<{ bytes: Uint8Array; checkpoint: string }> {
  const [first, ...others] = revokerTargets(revokers);
  if (!first) throw new CliError('usage', 'there is nobody to ask about', EXIT.usage);
  const { logs, witnessPolicy } = resolveTrustRoot(trustRoot);
  const { evidence } = await recordSearch(new LogSource(serverOf(log)), {
    ...{ targets: [first, ...others], logs, witnessPolicy, signers: [], maxScan: MAX_SCAN },
  });
  return { bytes: encodeSearchEvidence(evidence), checkpoint: evidence.checkpoint };
}

/**
 * The same revocations, answered by a log; all that follows is what a file with its answer would
 * come to.
 */
export async function askedOf(
  log: string | undefined,
  asked: AskedRevocations | undefined,
  trustRoot: TrustRoot | undefined,
): Promise<AskedRevocations | undefined> {
  if (log === undefined) return asked;
  if (asked === undefined || trustRoot === undefined || asked.search !== undefined) {
    const message = '--log goes with --revoker-key and --trust-root, and not with --search';
    throw new CliError('usage', message, EXIT.usage);
  }
  const { bytes } = await searchRevokers(asked.revokers, log, trustRoot);
  return { ...asked, search: parseSearchEvidence(bytes, sha256) };
}
