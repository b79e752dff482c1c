import { resolveTrustRoot } from '@touchstone/attest';
import { rfc6962, treeHasher, verifyConsistency } from '@touchstone/merkle';
import type { WitnessedCheckpoint } from '@touchstone/note';
import { same } from '../bytes.js';
import { AirgapError } from '../errors.js';
import { forkError, openSiteCheckpoint } from '../site-checkpoint.js';
import type { SiteKnowledge, VerifyBundleOptions } from '../verified-bundle.js';
import type { CheckpointSlip } from './checkpoint-slip.js';

/**
 * Holds a checkpoint alone against where a site stands. It brings no entries, so nothing follows from
 * it but that the log still grows as it should, and whether witnesses say so.
 *
 * @throws AirgapError `checkpoint`, `rollback`, `base-mismatch`, `root-mismatch`; `fork` when both
 * trees have the same size: a proof that does not hold is damage as well as it is a fork
 */
export async function verifyCheckpointSlip(
  { note, consistency }: CheckpointSlip,
  site: SiteKnowledge,
  { verify, sha256 }: Pick<VerifyBundleOptions, 'verify' | 'sha256'>,
): Promise<WitnessedCheckpoint> {
  const { base } = site;
  const witnessed = await openSiteCheckpoint(note, site, resolveTrustRoot(site.trustRoot), verify);
  const { size, root } = witnessed.checkpoint;
  if (size < base.size) {
    throw new AirgapError(
      'rollback',
      `the checkpoint has ${size} entries, the site already stands at ${base.size}`,
    );
  }
  if (size === base.size) {
    if (!same(root, base.root)) throw forkError(site, note);
    return witnessed;
  }
  if (base.size > 0 && consistency?.from !== base.size) {
    throw new AirgapError(
      'base-mismatch',
      `the checkpoint is proved from size ${consistency?.from ?? 'none'}, the site stands at ${base.size}`,
    );
  }
  const proof = base.size === 0 ? [] : (consistency?.proof ?? []);
  const claim = { size1: base.size, root1: base.root, size2: size, root2: root, proof };
  try {
    verifyConsistency(claim, sha256 === undefined ? rfc6962 : treeHasher(sha256));
  } catch (cause) {
    throw new AirgapError(
      'root-mismatch',
      "the proof does not lead from the site's tree to the checkpoint's: it is damaged, or the log forked; a bundle with the prefix tells which",
      { cause },
    );
  }
  return witnessed;
}
