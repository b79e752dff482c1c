import { readExports } from '../component/module-exports.js';
import { compareInDetail } from '../compare.js';
import { defaultLimits, type DifferenceLimits, type ModuleDifference } from '../difference.js';
import { WasmError } from '../errors.js';
import type { WasmModule } from '../module.js';
import { normaliseModules, type Normalised, type Tier } from '../normalise.js';
import type { Cause, CauseCode } from './causes/cause.js';
import { codeCauses } from './causes/code-causes.js';
import { sectionCauses } from './causes/section-causes.js';
import { textCauses } from './causes/text-causes.js';
import type { Facts } from './facts.js';
import { functionChanges, judgeFunctions, type FunctionChanges } from './functions.js';
import { textChanges, type TextChange } from './text-changes.js';

/** How two modules differ, and what that tells of why. */
export interface Explanation {
  tier: Tier;
  normalisations: Normalised['normalisations'];
  difference: ModuleDifference;
  functions: FunctionChanges;
  /** Strings that differ, in the data and in custom sections. */
  texts: TextChange[];
  /** The surest first; empty where the modules are equal or could not be read. */
  causes: Cause[];
}

const LISTED_FUNCTIONS = 24;
const WHOLESALE: ReadonlySet<string> = new Set<CauseCode>([
  'other-libc',
  'wasm-opt',
  'toolchain-version',
  'unlocked-dependency',
]);
const ORDER = ['certain', 'likely', 'possible'] as const;

/**
 * Explains a difference from the bytes of both modules alone. Never throws; hostile bytes cost time
 * in proportion to their length.
 */
export function explainDifference(
  claimed: Uint8Array,
  observed: Uint8Array,
  limits: DifferenceLimits = defaultLimits,
): Explanation {
  const comparison = compareInDetail(claimed, observed, limits);
  const { tier, normalisations } = normaliseModules(claimed, observed);
  const verdicts = judgeFunctions(comparison);
  const functions = functionChanges(comparison, verdicts, LISTED_FUNCTIONS);
  const texts = textChanges(comparison);
  const { modules } = comparison;
  const exports = {
    claimed: exportedFunctions(modules?.claimed),
    observed: exportedFunctions(modules?.observed),
  };
  const facts: Facts = { comparison, tier, verdicts, functions, texts, exports };
  const causes = tier === 'reproduced' || modules === undefined ? [] : causesOf(facts);
  const { difference } = comparison;
  return { tier, normalisations, difference, functions, texts: texts.changes, causes };
}

function causesOf(facts: Facts): Cause[] {
  const others = [...sectionCauses(facts), ...textCauses(facts)];
  const code = codeCauses(facts, others);
  // Other code brings other text of its own.
  const consequence = code.some((each) => WHOLESALE.has(each.code));
  const all = [
    ...others.filter((each) => !consequence || each.code !== 'embedded-environment'),
    ...code,
  ];
  const merged = new Map<string, Cause>();
  for (const each of all) {
    const known = merged.get(each.code);
    if (known === undefined || rank(each) < rank(known)) merged.set(each.code, each);
  }
  return [...merged.values()].sort((a, b) => rank(a) - rank(b));
}

function rank({ confidence }: Cause): number {
  return ORDER.indexOf(confidence);
}

function exportedFunctions(module: WasmModule | undefined): Map<number, string> {
  const names = new Map<number, string>();
  if (module === undefined) return names;
  try {
    for (const { kind, name, index } of readExports(module))
      if (kind === 'function') names.set(index, name);
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
  }
  return names;
}
