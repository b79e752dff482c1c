import { readProducers, type ProducersField } from '../../component/custom.js';
import { Cursor } from '../../cursor.js';
import type { SectionDifference, Side } from '../../difference.js';
import { WasmError } from '../../errors.js';
import { MAX_NAME_BYTES } from '../../limits.js';
import type { WasmModule } from '../../module.js';
import { readImports } from '../../imports.js';
import type { Facts } from '../facts.js';
import { cause, type Cause, type Evidence } from './cause.js';

const DEBUG =
  /^(?:name|extended_name|(?:reloc\.)?\.debug_[a-z_]+|external_debug_info|sourceMappingURL)$/;
const BUILD_ID = /^(?:build_id|go:buildid)$/;
const COVERAGE_SECTION = /^__llvm_(?:covmap|covfun|prf_[a-z]+)$/;
const COVERAGE_NAME =
  /^_*(?:llvm_profile|llvm_gcov|gcov|llvm_cov|sanitizer_cov|profiler_builtins)|minicov|__wasm_profile/;

export function sectionCauses(facts: Facts): Cause[] {
  return [...buildId(facts), ...coverage(facts), ...debugSections(facts), ...producers(facts)];
}

function differing({ comparison }: Facts, matches: RegExp): SectionDifference[] {
  return comparison.difference.sections.filter(
    ({ section, status }) => status !== 'equal' && matches.test(section.replace(/^custom:/, '')),
  );
}

function evidenceOf(sections: readonly SectionDifference[]): Evidence[] {
  return sections.flatMap(({ section, claimed, observed }) => [
    ...(claimed ? [{ side: 'claimed' as const, section, ...place(claimed) }] : []),
    ...(observed ? [{ side: 'observed' as const, section, ...place(observed) }] : []),
  ]);
}

function place({ offset, size }: { offset: number; size: number }): {
  offset: number;
  length: number;
} {
  return { offset, length: size };
}

function listed(sections: readonly SectionDifference[]): string {
  const names = [...new Set(sections.map(({ section }) => section.replace(/^custom:/, '')))];
  return names.length > 4 ? `${names.slice(0, 4).join(', ')} and others` : names.join(', ');
}

function buildId(facts: Facts): Cause[] {
  const sections = differing(facts, BUILD_ID);
  if (sections.length === 0) return [];
  const both = sections.every(({ status }) => status === 'different');
  const summary = both
    ? 'Both modules carry a build id, and not the same one.'
    : 'One module carries a build id, the other does not.';
  return [cause('build-id', 'certain', summary, evidenceOf(sections))];
}

function coverage(facts: Facts): Cause[] {
  const sections = differing(facts, COVERAGE_SECTION);
  const onlyOne = sections.filter(({ status }) => status !== 'different');
  const [left, right] = [instrumented(facts, 'claimed'), instrumented(facts, 'observed')];
  const named = left.length === 0 ? right : right.length === 0 ? left : [];
  if (onlyOne.length === 0 && named.length === 0) return [];
  const evidence = [...named, ...evidenceOf(onlyOne)];
  const side = evidence[0]?.side === 'claimed' ? 'published' : 'rebuilt';
  const summary = `The ${side} module counts what runs (coverage or profiling); the other does not.`;
  return [cause('coverage-or-profiling', 'certain', summary, evidence)];
}

/** Functions and imports that only an instrumented module has. */
function instrumented({ comparison }: Facts, side: Side): Evidence[] {
  const { functions, modules } = comparison;
  const found: Evidence[] = [];
  const list = functions?.[side];
  for (const { index, offset, size } of list?.entries ?? []) {
    const text = list?.names?.get(index);
    if (text !== undefined && COVERAGE_NAME.test(text))
      found.push({ side, section: 'code', offset, length: size, text });
    if (found.length === 3) return found;
  }
  const section = modules?.[side].sections.find(({ name }) => name === 'import');
  const imports = modules === undefined ? [] : orNone(() => readImports(modules[side]));
  const profiling = imports.find(({ name }) => COVERAGE_NAME.test(name));
  if (profiling !== undefined && section !== undefined)
    found.push({
      ...{ side, section: 'import', offset: section.bodyOffset },
      ...{ length: section.bodySize, text: profiling.name },
    });
  return found;
}

function debugSections(facts: Facts): Cause[] {
  const sections = differing(facts, DEBUG);
  if (sections.length === 0) return [];
  const oneSided = sections.filter(({ status }) => status !== 'different');
  // Names and line tables follow the code: where they merely differ, they are a consequence.
  const { changed, onlyClaimed, onlyObserved, moved } = facts.functions;
  const follows = changed + onlyClaimed + onlyObserved + moved > 0;
  if (oneSided.length === 0 && follows) return [];
  const told = oneSided.length > 0 ? oneSided : sections;
  const where = oneSided.length > 0 ? 'Only one side has' : 'The sides do not agree in';
  const summary = `${where} what debuggers and stack traces read: ${listed(told)}.`;
  return [cause('debug-sections', 'certain', summary, evidenceOf(told))];
}

function producers(facts: Facts): Cause[] {
  const { modules } = facts.comparison;
  if (modules === undefined) return [];
  const [left, right] = [producersOf(modules.claimed), producersOf(modules.observed)];
  if (left === undefined || right === undefined) return [];
  const differences: string[] = [];
  for (const { field, values } of left.fields) {
    // The language says what the source is written in; whether it is named depends on -g.
    if (field === 'language') continue;
    const others = right.fields.find((other) => other.field === field)?.values ?? [];
    for (const { name, version } of values) {
      const other = others.find((candidate) => candidate.name === name);
      if (other === undefined) differences.push(`${name} ${version} is named on one side alone`);
      else if (other.version !== version)
        differences.push(
          `${name} is ${version || '(no version)'} and ${other.version || '(no version)'}`,
        );
    }
    for (const { name, version } of others)
      if (!values.some((value) => value.name === name))
        differences.push(`${name} ${version} is named on the other side alone`);
  }
  if (differences.length === 0) return [];
  const summary = `The modules say that other tools made them: ${differences.slice(0, 3).join('; ')}.`;
  return [
    cause('toolchain-version', 'certain', summary, [
      { side: 'claimed', section: 'custom:producers', ...left.place },
      { side: 'observed', section: 'custom:producers', ...right.place },
    ]),
  ];
}

interface ProducersOfSide {
  fields: ProducersField[];
  place: { offset: number; length: number };
}

function producersOf({ bytes, sections }: WasmModule): ProducersOfSide | undefined {
  const section = sections.find(({ customName }) => customName === 'producers');
  if (section === undefined) return undefined;
  const end = section.bodyOffset + section.bodySize;
  const cursor = new Cursor(bytes, section.bodyOffset, end, false);
  const fields = orNone(() => {
    cursor.skipVector('the section name', MAX_NAME_BYTES);
    return readProducers(bytes, { offset: cursor.offset, size: cursor.remaining });
  });
  return { fields, place: { offset: section.bodyOffset, length: section.bodySize } };
}

function orNone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof WasmError) return [];
    throw error;
  }
}
