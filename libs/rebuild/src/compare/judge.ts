import type { ModuleOutcome, Outcome, RebuiltModule } from '@touchstone/attest';
import {
  compareModules,
  type ModuleDifference,
  STRIP_CUSTOM_SECTIONS,
  stripCustomSections,
  summariseDifference,
  type SummaryLimits,
  WasmError,
} from '@touchstone/wasm';
import { sha256Hex } from '../source/integrity.js';

/**
 * What all differences of one publication together may take in its statement, in bytes of JSON:
 * they explain, and must never make a statement too large to be signed and logged.
 */
const MAX_DIFFERENCES_BYTES = 256 * 1024;

/** Tried in this order until the differences fit; the last one is taken in any case. */
const SUMMARY_LIMITS: readonly SummaryLimits[] = [
  { sections: 64, functions: 64, ranges: 32 },
  { sections: 32, functions: 16, ranges: 8 },
  { sections: 16, functions: 4, ranges: 2 },
  { sections: 8, functions: 1, ranges: 1 },
];

interface Pair {
  readonly name: string;
  readonly claimed: Uint8Array;
  readonly observed: Uint8Array;
}

/** Compares each published module with the one that was built. */
export function judgeModules(pairs: readonly Pair[]): RebuiltModule[] {
  const judged = pairs.map((pair) => ({ module: judge(pair), difference: explain(pair) }));
  const summarise = (limits: SummaryLimits): RebuiltModule[] =>
    judged.map(({ module, difference }) =>
      difference === undefined
        ? module
        : { ...module, difference: summariseDifference(difference, limits) },
    );
  let modules: RebuiltModule[] = [];
  for (const limits of SUMMARY_LIMITS) {
    modules = summarise(limits);
    const differences = JSON.stringify(modules.map(({ difference }) => difference));
    if (differences.length <= MAX_DIFFERENCES_BYTES) break;
  }
  return modules;
}

function explain({ claimed, observed }: Pair): ModuleDifference | undefined {
  return Buffer.compare(claimed, observed) === 0 ? undefined : compareModules(claimed, observed);
}

function judge({ name, claimed, observed }: Pair): Omit<RebuiltModule, 'difference'> {
  const files = { claimed: describeFile(claimed), observed: describeFile(observed) };
  if (Buffer.compare(claimed, observed) === 0)
    return { name, outcome: 'reproduced', ...files, normalisations: [] };
  const stripped = { claimed: strip(claimed), observed: strip(observed) };
  if (stripped.claimed === undefined || stripped.observed === undefined)
    return { name, outcome: 'different', ...files, normalisations: [] };
  return {
    name,
    outcome: stripped.claimed === stripped.observed ? 'equivalent' : 'different',
    ...files,
    normalisations: [
      {
        name: STRIP_CUSTOM_SECTIONS,
        claimed: { sha256: stripped.claimed },
        observed: { sha256: stripped.observed },
      },
    ],
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
