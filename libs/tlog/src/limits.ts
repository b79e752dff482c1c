import { TlogError } from './error.js';

export interface TlogLimits {
  /** Entries made durable together. */
  readonly batchEntries: number;
  readonly batchBytes: number;
  /** Entries that may wait for the next batch; beyond it `pool-full`. */
  readonly poolEntries: number;
  readonly poolBytes: number;
}

/** A fixed bound of batches: what more than this lies beyond the tree was not left by a batch. */
export const MAX_BATCH_ENTRIES = 65_536;

const DEFAULTS: TlogLimits = {
  batchEntries: 4096,
  batchBytes: 32 * 1024 * 1024,
  poolEntries: 16_384,
  poolBytes: 64 * 1024 * 1024,
};

/** @throws TlogError `limit-invalid` */
export function tlogLimits(given: Partial<TlogLimits> = {}): TlogLimits {
  const limits = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TlogError('limit-invalid', `${name} must be a whole number from 1, not ${value}`);
    }
  }
  if (limits.batchEntries > MAX_BATCH_ENTRIES) {
    throw new TlogError('limit-invalid', `batchEntries must be at most ${MAX_BATCH_ENTRIES}`);
  }
  return limits;
}
