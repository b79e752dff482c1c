import type { DifferenceCause, ModuleOutcome, Outcome, RebuiltModule } from '@touchstone/attest';
import {
  explainDifference,
  type Cause,
  type Explanation,
  summariseDifference,
  type SummaryLimits,
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
  const judged = pairs.map(judge);
  let modules: RebuiltModule[] = [];
  for (const limits of SUMMARY_LIMITS) {
    modules = judged.map(({ module, explanation }) =>
      explanation === undefined ? module : { ...module, ...explain(explanation, limits) },
    );
    const explained = modules.map(({ difference, causes }) => ({ difference, causes }));
    if (JSON.stringify(explained).length <= MAX_DIFFERENCES_BYTES) break;
  }
  return modules;
}

interface Judged {
  module: RebuiltModule;
  /** Of bytes that are not equal. Only what the statement needs of it is kept. */
  explanation?: Pick<Explanation, 'difference' | 'causes'>;
}

function judge({ name, claimed, observed }: Pair): Judged {
  const files = { claimed: describeFile(claimed), observed: describeFile(observed) };
  if (Buffer.compare(claimed, observed) === 0)
    return {
      module: {
        ...{ name, outcome: 'reproduced', tier: 'reproduced' },
        ...files,
        normalisations: [],
      },
    };
  const { tier, normalisations, difference, causes } = explainDifference(claimed, observed);
  const module: RebuiltModule = {
    ...{ name, outcome: tier === 'same-code' ? 'equivalent' : tier, tier },
    ...files,
    normalisations: normalisations.map((step) => ({
      name: step.name,
      claimed: { sha256: sha256Hex(step.claimed) },
      observed: { sha256: sha256Hex(step.observed) },
    })),
  };
  return { module, explanation: { difference, causes } };
}

function explain(
  { difference, causes }: Pick<Explanation, 'difference' | 'causes'>,
  limits: SummaryLimits,
): Pick<RebuiltModule, 'difference' | 'causes'> {
  return {
    difference: summariseDifference(difference, limits),
    // As many places as functions are told: a cause without a place is still a cause.
    causes: causes.map((cause) => attestedCause(cause, limits.functions)),
  };
}

function attestedCause(
  { code, confidence, summary, evidence }: Cause,
  places: number,
): DifferenceCause {
  return {
    ...{ code, confidence, summary: oneLine(summary, 1024) },
    evidence: evidence.slice(0, places).map(({ side, section, offset, length, text }) => ({
      ...{ side, section: oneLine(section, 512), offset, length },
      ...(text === undefined ? {} : { text: oneLine(text, 256) }),
    })),
  };
}

/** Text out of a stranger's module: nothing that drives a terminal, nor half a character. */
function oneLine(text: string, max: number): string {
  const cut = text.slice(0, max);
  return cut.replace(/[\p{Cc}\p{Bidi_Control}\p{Surrogate}]/gu, '\ufffd');
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
