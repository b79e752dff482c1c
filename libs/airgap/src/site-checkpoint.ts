import type { ResolvedTrustRoot } from '@touchstone/attest';
import {
  parseCheckpoint,
  parseNote,
  verifyWitnessed,
  type SignatureVerifier,
  type WitnessedCheckpoint,
} from '@touchstone/note';
import { AirgapError } from './errors.js';
import type { SiteKnowledge } from './verified-bundle.js';

/**
 * Opens a checkpoint as a site does: signed by a key of its log that the trust root has for that size,
 * its cosignatures judged by the site's policy.
 *
 * @throws AirgapError `checkpoint`
 */
export async function openSiteCheckpoint(
  note: Uint8Array | string,
  { origin, witnessPolicy }: SiteKnowledge,
  resolved: ResolvedTrustRoot,
  verify: SignatureVerifier,
): Promise<WitnessedCheckpoint> {
  try {
    const { size } = parseCheckpoint(parseNote(note).text);
    const logs = resolved.logs.filter(
      ({ name, from, until }) => name === origin && size >= from && size <= until,
    );
    if (logs.length === 0) {
      throw new AirgapError(
        'checkpoint',
        `the trust root has no key of ${origin} that signs for ${size} entries`,
      );
    }
    return await verifyWitnessed(note, witnessPolicy ?? resolved.witnessPolicy, verify, { logs });
  } catch (cause) {
    if (cause instanceof AirgapError) throw cause;
    const why = cause instanceof Error ? cause.message : 'unreadable';
    throw new AirgapError('checkpoint', `the checkpoint does not hold: ${why}`, { cause });
  }
}

/** @param theirs the signed note that does not continue the site's own */
export function forkError({ base, origin }: SiteKnowledge, theirs: string): AirgapError {
  return new AirgapError(
    'fork',
    `the log ${origin} signed a tree that does not continue the one of size ${base.size} that this site verified; keep both checkpoints`,
    base.note === undefined ? {} : { fork: { ours: base.note, theirs } },
  );
}
