import type { WitnessedCheckpoint } from '@touchstone/note';

/**
 * What a site makes of a bundle that verified.
 *
 * - `OK`: witnessed by the policy's quorum, and not older than the site allows
 * - `UNWITNESSED`: the log alone vouches for this checkpoint; others may have been shown another
 * - `NO-TIME`: the policy asks for no cosignature, so nothing tells when this was
 * - `STALE`: witnesses last saw it longer ago than the site allows
 *
 * A fork is no verdict of this kind: such a bundle does not verify.
 */
export type ImportVerdict = 'OK' | 'UNWITNESSED' | 'NO-TIME' | 'STALE';

export interface TimeKnowledge {
  /**
   * It is now at least this late, in seconds since the epoch: the latest time in any checkpoint
   * that the site verified, or one that an operator vouches for. Never a wall clock's.
   */
  readonly notBefore?: number;
  /** Seconds that a checkpoint may be older than `notBefore`; without it nothing is stale. */
  readonly maxAge?: number;
}

export function judgeImport(
  { quorum, time }: Pick<WitnessedCheckpoint, 'quorum' | 'time'>,
  { notBefore, maxAge }: TimeKnowledge = {},
): ImportVerdict {
  if (!quorum) return 'UNWITNESSED';
  if (time === undefined) return 'NO-TIME';
  if (notBefore === undefined || maxAge === undefined) return 'OK';
  return notBefore - time.latest > maxAge ? 'STALE' : 'OK';
}
