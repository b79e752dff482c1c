import { WasmError } from '../../errors.js';
import { readImports } from '../../imports.js';
import { TOKEN } from '../../instructions/tokens.js';
import type { WasmModule } from '../../module.js';
import type { Entry } from '../../pairing.js';
import type { Facts } from '../facts.js';
import type { PairVerdict } from '../functions.js';
import { cause, type Cause, type Evidence } from './cause.js';
import { isLibraryFunction, originOf } from './origin.js';
import { looksOptimised, paddedSide } from './shape-evidence.js';
import { kindOf } from './text-causes.js';

/** From this share of changed functions on, another compiler is likelier than another source. */
const MOST = 0.4;
const MIN_FUNCTIONS = 5;
const MIN_OWN = 3;
/** So many functions at most are read for what text they use. */
const MAX_READ = 64;
/** Where more is changed than this share, another order is a consequence. */
const MAX_TOUCHED = 0.1;
/** Functions in so few runs were moved as whole object files. */
const MAX_RUNS = 0.34;

/** What the code tells; `others` are the causes that were found without it. */
export function codeCauses(facts: Facts, others: readonly Cause[]): Cause[] {
  const { functions, verdicts, comparison } = facts;
  if (comparison.functions === undefined) return [];
  const padded = functions.changed === 0 ? paddedSide(facts) : undefined;
  const found = [...orderCauses(facts), ...(padded === undefined ? [] : [padded])];
  const changed = verdicts.filter(isChange);
  if (changed.length === 0) return found;
  // Where code was replaced, calls of what was replaced go elsewhere: that is no change by itself.
  const replaced = changed.filter(({ change }) => change?.operands === undefined);
  const told = replaced.length > 0 ? replaced : changed;

  if (others.some(({ code }) => code === 'coverage-or-profiling')) return found;
  const optimised = looksOptimised(facts);
  if (optimised !== undefined) return [...found, optimised];
  const library = libraryCause(facts, told);
  if (library?.confidence === 'likely') return [...found, library];
  const dependency = dependencyCause(facts, told);
  if (dependency !== undefined) return [...found, dependency];
  if (others.some(({ code }) => code === 'toolchain-version')) return found;
  const total = functions.equal + functions.shifted + functions.moved + changed.length;
  const many = changed.length >= MIN_FUNCTIONS && changed.length >= MOST * total;
  if (library !== undefined || many)
    return [...found, ...(library ? [library] : []), otherCompiler(facts, changed)];
  const unread =
    changed.length > MAX_READ
      ? changed
      : changed.filter((verdict) => !readsChangedText(facts, verdict));
  return unread.length === 0 ? found : [...found, unexplained(facts, unread)];
}

function isChange({ status }: PairVerdict): boolean {
  return status !== 'equal' && status !== 'shifted';
}

function orderCauses(facts: Facts): Cause[] {
  const { functions, verdicts } = facts;
  const touched = functions.changed + functions.onlyClaimed + functions.onlyObserved;
  if (functions.moved < 2 || touched > MAX_TOUCHED * verdicts.length) return [];
  const moved = verdicts.filter((verdict) => verdict.moved && !isChange(verdict));
  const order = verdicts.filter(({ observed, claimed }) => observed && claimed);
  const runs = countRuns(order);
  const share = runs / order.length;
  const evidence = moved.slice(0, 3).flatMap((verdict) => evidenceOf(facts, verdict));
  const what = `${functions.moved} functions stand in another order`;
  const confidence = touched === 0 ? 'likely' : 'possible';
  if (share <= MAX_RUNS)
    return [
      cause(
        'parallel-codegen',
        confidence,
        `${what}, in ${runs} blocks that moved as a whole: object files or code units were linked in another order.`,
        evidence,
      ),
    ];
  return [
    cause(
      'hash-map-ordering',
      confidence,
      `${what}, each by itself: something that wrote or compiled them walked a collection without order.`,
      evidence,
    ),
  ];
}

/** Stretches of functions that follow each other on both sides. */
function countRuns(order: readonly PairVerdict[]): number {
  let runs = 0;
  let last = -2;
  for (const { observed } of order) {
    const index = observed?.index ?? -1;
    if (index !== last + 1) runs += 1;
    last = index;
  }
  return runs;
}

/**
 * All that changed is the C library's: by name; or, where names were stripped, because a module
 * of WASI has its first functions, which are the objects' own, the same on both sides.
 */
function libraryCause(facts: Facts, changed: readonly PairVerdict[]): Cause | undefined {
  const names = changed.map((verdict) => nameOf(facts, verdict));
  const evidence = changed.slice(0, 4).flatMap((verdict) => evidenceOf(facts, verdict));
  if (names.every((name) => name !== undefined)) {
    if (!names.every(isLibraryFunction)) return undefined;
    const summary = `All ${changed.length} functions that differ are the C library's; the program's own are the same.`;
    return cause('other-libc', 'likely', summary, evidence);
  }
  if (names.some((name) => name !== undefined) || !usesLibrary(facts)) return undefined;
  const first = facts.verdicts.findIndex((verdict) => changed.includes(verdict));
  const kept = facts.verdicts.filter((verdict) => !isChange(verdict)).length;
  if (first < MIN_OWN || kept < changed.length) return undefined;
  const summary = `${changed.length} functions differ and stand behind the first ${first}, which do not: the linker puts what it takes from the C library behind the program's own objects. The modules carry no names that would show it.`;
  return cause('other-libc', 'possible', summary, evidence);
}

/** Exports an allocator, or imports WASI. */
function usesLibrary({ exports, comparison }: Facts): boolean {
  const exported = [...exports.claimed.values()].some((name) => isLibraryFunction(name));
  return exported || (comparison.modules !== undefined && importsWasi(comparison.modules.claimed));
}

function importsWasi(module: WasmModule): boolean {
  try {
    return readImports(module).some((each) => each.module.startsWith('wasi_'));
  } catch (error) {
    if (error instanceof WasmError) return false;
    throw error;
  }
}

function dependencyCause(facts: Facts, changed: readonly PairVerdict[]): Cause | undefined {
  const packages = new Set<string>();
  for (const verdict of changed) {
    const origin = originOf(nameOf(facts, verdict) ?? '');
    if (origin === 'own') return undefined;
    if (origin !== 'standard') packages.add(origin.package);
  }
  const own = facts.verdicts.some(
    (verdict) => !isChange(verdict) && originOf(nameOf(facts, verdict) ?? '') === 'own',
  );
  if (packages.size === 0 || !own) return undefined;
  const names = [...packages].slice(0, 3).join(', ');
  const summary = `All ${changed.length} functions that differ come from a dependency (${names}) or from what it uses; the program's own are the same.`;
  const evidence = changed.slice(0, 4).flatMap((verdict) => evidenceOf(facts, verdict));
  return cause('unlocked-dependency', 'likely', summary, evidence);
}

/**
 * Whether text that differs, for which there is a cause, is what a changed function reads: its
 * length, and how it is copied, are then compiled in.
 */
function readsChangedText(facts: Facts, { claimed, observed }: PairVerdict): boolean {
  const { functions, shift } = facts.comparison;
  const texts = facts.texts.changes.filter((text) => kindOf(text) !== undefined);
  if (functions === undefined || shift === undefined || texts.length === 0) return false;
  return (['claimed', 'observed'] as const).some((side) => {
    const entry = side === 'claimed' ? claimed : observed;
    if (entry === undefined || !shift[side].body(entry)) return false;
    const addresses = texts.flatMap((text) => {
      const changed = text[side];
      const address = changed && shift.correspondence.addresses.addressOf(side, changed.offset);
      return address === undefined ? [] : [[address, address + (changed?.length ?? 0)] as const];
    });
    const { kinds, values, length } = shift[side].tokens;
    for (let at = 0; at < length; at += 1) {
      if (kinds[at] !== TOKEN.constant && kinds[at] !== TOKEN.offset) continue;
      const value = (values[at] ?? 0) >>> 0;
      if (addresses.some(([start, end]) => value >= start && value < end)) return true;
    }
    return false;
  });
}

function otherCompiler(facts: Facts, changed: readonly PairVerdict[]): Cause {
  const { equal, shifted, moved } = facts.functions;
  const summary = `${changed.length} functions differ in their instructions and ${equal + shifted + moved} do not, all over the module: another version of the compiler, or other options.`;
  const evidence = changed.slice(0, 4).flatMap((verdict) => evidenceOf(facts, verdict));
  return cause('toolchain-version', 'possible', summary, evidence);
}

function unexplained(facts: Facts, changed: readonly PairVerdict[]): Cause {
  const { modules } = facts.comparison;
  const producers = modules?.claimed.sections.some(({ customName }) => customName === 'producers');
  const same =
    producers === true
      ? 'the two name the same tools'
      : 'the modules do not say which tools made them';
  const count = changed.length === 1 ? '1 function differs' : `${changed.length} functions differ`;
  const summary = `${count} in code, the others are the same, and ${same}: nothing that was found accounts for it. A change after the build looks like this; so do another source and another option.`;
  const evidence = changed.slice(0, 4).flatMap((verdict) => evidenceOf(facts, verdict));
  return cause('unexplained-code', 'possible', summary, evidence);
}

function nameOf({ comparison }: Facts, { claimed, observed }: PairVerdict): string | undefined {
  const { functions } = comparison;
  return (
    functions?.claimed.names?.get(claimed?.index ?? -1) ??
    functions?.observed.names?.get(observed?.index ?? -1)
  );
}

function evidenceOf(facts: Facts, verdict: PairVerdict): Evidence[] {
  const name = nameOf(facts, verdict);
  const text = name === undefined ? {} : { text: name };
  const of = (side: 'claimed' | 'observed', entry: Entry | undefined): Evidence[] =>
    entry === undefined
      ? []
      : [{ side, section: 'code', offset: entry.offset, length: entry.size, ...text }];
  return [...of('claimed', verdict.claimed), ...of('observed', verdict.observed)];
}
