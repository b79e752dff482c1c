import { createHash } from 'node:crypto';
import type { Explanation } from '@touchstone/wasm';

/** An explanation as JSON: the bytes after each normalisation are told by digest and size. */
export function explanationDocument(
  { difference, tier, normalisations, functions, texts, causes }: Explanation,
  claimed: Uint8Array,
  observed: Uint8Array,
): object {
  return {
    tier,
    digests: { claimed: describe(claimed), observed: describe(observed) },
    normalisations: normalisations.map((step) => ({
      name: step.name,
      claimed: describe(step.claimed),
      observed: describe(step.observed),
    })),
    causes,
    functionChanges: functions,
    texts,
    ...difference,
  };
}

export function describe(bytes: Uint8Array): { sha256: string; size: number } {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}
