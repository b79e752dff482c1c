import { AirgapError, type CarryHeader } from '@touchstone/airgap';
import { resolveTrustRoot, type TrustRoot } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { CompactRange, compactRangeNodes } from '@touchstone/merkle';
import {
  parseCheckpoint,
  parseNote,
  verifyWitnessed,
  type WitnessedCheckpoint,
  type WitnessPolicy,
} from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import type { LogSource } from '../monitor/log-source.js';
import { LogCarrySource } from './log-carry-source.js';
import type { SiteRecord } from './site-record.js';

/** A checkpoint by the keys that the trust root has for a log of that size. @throws NoteError */
export async function openLogCheckpoint(
  note: Uint8Array | string,
  trustRoot: TrustRoot,
  witnessPolicy: WitnessPolicy | undefined,
): Promise<WitnessedCheckpoint> {
  const trusted = resolveTrustRoot(trustRoot);
  const { size } = parseCheckpoint(parseNote(note).text);
  const logs = trusted.logs.filter(({ from, until }) => size >= from && size <= until);
  const policy = witnessPolicy ?? trusted.witnessPolicy;
  return verifyWitnessed(note, policy, nodeVerifier, { logs });
}

/**
 * Where the site stands by its last word, held against the log: a site that was shown a fork is found
 * out here.
 *
 * @throws AirgapError `acknowledgement-fork`, CliError `site-record`
 */
export async function acknowledgedBase(
  log: LogSource,
  { acknowledgement, site }: SiteRecord,
  { checkpoint }: WitnessedCheckpoint,
): Promise<CarryHeader['base']> {
  if (acknowledgement === undefined) return { size: 0, root: nodeHasher.empty() };
  const { origin, size, root } = acknowledgement.checkpoint;
  if (origin !== checkpoint.origin) {
    throw new CliError('site-record', `site ${site} follows ${origin}, not this log`, EXIT.usage);
  }
  const acknowledged = new Uint8Array(Buffer.from(root, 'hex'));
  const ours = size <= checkpoint.size ? await rootAt(log, size, checkpoint.size) : undefined;
  if (ours === undefined || !Buffer.from(ours).equals(acknowledged)) {
    throw new AirgapError(
      'acknowledgement-fork',
      `site ${site} acknowledged a tree of ${size} entries of ${origin} that this log does not continue: keep the acknowledgement, it is the proof`,
    );
  }
  return { size, root: acknowledged };
}

async function rootAt(log: LogSource, size: number, latest: number): Promise<Uint8Array> {
  const source = new LogCarrySource(log, latest);
  const hashes = await Promise.all(compactRangeNodes(size).map((id) => source.node(id)));
  return new CompactRange(nodeHasher, size, hashes).root();
}
