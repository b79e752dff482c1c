import type { ModuleOutcome, Outcome, RebuiltModule } from '@touchstone/attest';
import {
  compareModules,
  STRIP_CUSTOM_SECTIONS,
  stripCustomSections,
  summariseDifference,
  WasmError,
} from '@touchstone/wasm';
import { sha256Hex } from './integrity.js';

/** Compares what was published with what was built. */
export function judgeModule(
  name: string,
  claimed: Uint8Array,
  observed: Uint8Array,
): RebuiltModule {
  const files = { claimed: describeFile(claimed), observed: describeFile(observed) };
  if (Buffer.compare(claimed, observed) === 0)
    return { name, outcome: 'reproduced', ...files, normalisations: [] };
  const stripped = { claimed: strip(claimed), observed: strip(observed) };
  const equal = stripped.claimed !== undefined && stripped.claimed === stripped.observed;
  return {
    name,
    outcome: equal ? 'equivalent' : 'different',
    ...files,
    normalisations:
      stripped.claimed === undefined || stripped.observed === undefined
        ? []
        : [
            {
              name: STRIP_CUSTOM_SECTIONS,
              claimed: { sha256: stripped.claimed },
              observed: { sha256: stripped.observed },
            },
          ],
    difference: summariseDifference(compareModules(claimed, observed)),
  };
}

/** A publication is as good as its worst module. */
export function worstOutcome(outcomes: readonly ModuleOutcome[]): Outcome {
  return (
    (['different', 'equivalent'] as const).find((outcome) => outcomes.includes(outcome)) ??
    'reproduced'
  );
}

function describeFile(bytes: Uint8Array): { digest: { sha256: string }; size: number } {
  return { digest: { sha256: sha256Hex(bytes) }, size: bytes.length };
}

/** Digest of the module without custom sections; undefined when it cannot be read as a module. */
function strip(bytes: Uint8Array): string | undefined {
  try {
    return sha256Hex(stripCustomSections(bytes));
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}
