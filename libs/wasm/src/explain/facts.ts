import type { Comparison } from '../compare.js';
import type { Tier } from '../normalise.js';
import type { FunctionChanges, PairVerdict } from './functions.js';
import type { TextChanges } from './text-changes.js';

/** What is known of a difference, from which its causes are told. */
export interface Facts {
  comparison: Comparison;
  tier: Tier;
  verdicts: readonly PairVerdict[];
  functions: FunctionChanges;
  texts: TextChanges;
  /** Names of exported functions, by index. */
  exports: { claimed: ReadonlyMap<number, string>; observed: ReadonlyMap<number, string> };
}
