import { concatBytes } from '@noble/hashes/utils.js';

import { WasmError } from './errors.js';
import { readModule, type Section, type WasmModule } from './module.js';

/**
 * Stabilizers: what two modules may differ in and still run alike. Each removes custom sections of
 * the names that its pattern matches; the specification (core 2.5, appendix 7) lets no custom
 * section change what a module computes, and these are known to speak to tools and people alone.
 */
const STABILIZERS = [
  { name: 'strip-producers', matches: /^producers$/ },
  { name: 'strip-names', matches: /^(?:name|extended_name)$/ },
  { name: 'strip-source-map-url', matches: /^sourceMappingURL$/ },
  { name: 'strip-build-id', matches: /^(?:build_id|go:buildid|\.note\.go\.buildid)$/ },
  { name: 'strip-debug', matches: /^(?:(?:reloc\.)?\.debug_[a-z_]+|external_debug_info)$/ },
  { name: 'strip-target-features', matches: /^target_features$/ },
  { name: 'strip-dependencies', matches: /^\.dep-v0$/ },
  { name: 'strip-coverage-map', matches: /^__llvm_(?:covmap|covfun|prf_[a-z]+)$/ },
] as const satisfies readonly { name: string; matches: RegExp }[];

/** Every custom section, known or not. */
const STRIP_CUSTOM_SECTIONS = 'strip-custom-sections';

/** Sizes of sections that one side pads, written in their shortest form. */
const SHORTEST_SIZES = 'shortest-section-sizes';

/**
 * How alike two modules are. `equivalent`: equal once the named stabilizers are applied.
 * `same-code`: every section that is no custom one is the same; custom sections differ that none
 * of the stabilizers knows, so that somebody may read a meaning into them.
 */
export type Tier = 'reproduced' | 'equivalent' | 'same-code' | 'different';

/** One step of a normal form: both modules after it and all steps before it. */
export interface Normalisation {
  name: string;
  claimed: Uint8Array;
  observed: Uint8Array;
}

export interface Normalised {
  tier: Tier;
  /**
   * The fewest stabilizers that make the two equal, in the order of their table. Where they do
   * not, `strip-custom-sections`, so that digests show whether the rest is equal.
   */
  normalisations: Normalisation[];
}

/** The step, if any, whose business sections of this name are; for telling a person. */
export function stabilizerOf(customName: string): string | undefined {
  return STABILIZERS.find(({ matches }) => matches.test(customName))?.name;
}

/** Never throws: what is no module has no normal form and is `different`. */
export function normaliseModules(claimed: Uint8Array, observed: Uint8Array): Normalised {
  if (sameBytes(claimed, observed)) return { tier: 'reproduced', normalisations: [] };
  const [left, right] = [moduleOrNothing(claimed), moduleOrNothing(observed)];
  if (left === undefined || right === undefined) return { tier: 'different', normalisations: [] };
  const steps = stepsFor(left, right);
  const normalisations: Normalisation[] = [];
  const dropped: ((section: Section) => boolean)[] = [];
  let shortest = false;
  for (const step of steps) {
    if (step === SHORTEST_SIZES) shortest = true;
    else dropped.push(dropsOf(step));
    const write = (module: WasmModule): Uint8Array =>
      rewrite(module, (section) => dropped.some((drops) => drops(section)), shortest);
    normalisations.push({ name: step, claimed: write(left), observed: write(right) });
  }
  const last = normalisations.at(-1);
  if (last === undefined || !sameBytes(last.claimed, last.observed))
    return { tier: 'different', normalisations };
  const tier = steps.includes(STRIP_CUSTOM_SECTIONS) ? 'same-code' : 'equivalent';
  return { tier, normalisations };
}

function stepsFor(left: WasmModule, right: WasmModule): string[] {
  const differing = [...differingCustoms(left, right)];
  const steps: string[] = STABILIZERS.filter(({ matches }) =>
    differing.some((name) => matches.test(name)),
  ).map(({ name }) => name);
  const removed = (section: Section): boolean => steps.some((step) => dropsOf(step)(section));
  if (differing.every((name) => stabilizerOf(name) !== undefined)) {
    if (sameSections(left, right, removed, false)) return steps;
    if (sameSections(left, right, removed, true)) return [...steps, SHORTEST_SIZES];
  }
  const padded =
    !sameSections(left, right, isCustom, false) && sameSections(left, right, isCustom, true);
  return padded ? [STRIP_CUSTOM_SECTIONS, SHORTEST_SIZES] : [STRIP_CUSTOM_SECTIONS];
}

/** Whether what is left of both is the same; sizes may be padded when `bodiesAlone`. */
function sameSections(
  left: WasmModule,
  right: WasmModule,
  drops: (section: Section) => boolean,
  bodiesAlone: boolean,
): boolean {
  const [as, bs] = [left, right].map(({ sections }) => sections.filter((each) => !drops(each)));
  if (as === undefined || as.length !== bs?.length) return false;
  return as.every((a, index) => {
    const b = bs[index];
    if (a.id !== b?.id || a.bodySize !== b.bodySize) return false;
    if (!bodiesAlone && a.headerSize !== b.headerSize) return false;
    return sameBytes(bodyOf(left, a), bodyOf(right, b));
  });
}

function bodyOf({ bytes }: WasmModule, { bodyOffset, bodySize }: Section): Uint8Array {
  return bytes.subarray(bodyOffset, bodyOffset + bodySize);
}

function dropsOf(step: string): (section: Section) => boolean {
  if (step === STRIP_CUSTOM_SECTIONS) return isCustom;
  const matches = STABILIZERS.find(({ name }) => name === step)?.matches;
  return ({ customName }) => customName !== undefined && (matches?.test(customName) ?? false);
}

function isCustom({ customName }: Section): boolean {
  return customName !== undefined;
}

/** Names of custom sections that are not the same on both sides, in content, number or order. */
function differingCustoms(left: WasmModule, right: WasmModule): Set<string> {
  const [as, bs] = [customsByName(left), customsByName(right)];
  const names = new Set<string>();
  for (const name of new Set([...as.keys(), ...bs.keys()])) {
    const [a = [], b = []] = [as.get(name), bs.get(name)];
    const same =
      a.length === b.length && a.every((bytes, at) => sameBytes(bytes, b[at] ?? new Uint8Array()));
    if (!same) names.add(name);
  }
  return names;
}

function customsByName(module: WasmModule): Map<string, Uint8Array[]> {
  const found = new Map<string, Uint8Array[]>();
  for (const section of module.sections) {
    const { customName } = section;
    if (customName === undefined) continue;
    const body = bodyOf(module, section);
    const bodies = found.get(customName);
    if (bodies === undefined) found.set(customName, [body]);
    else bodies.push(body);
  }
  return found;
}

function rewrite(
  { bytes, sections }: WasmModule,
  drops: (section: Section) => boolean,
  shortest: boolean,
): Uint8Array {
  const parts = [bytes.subarray(0, sections[0]?.offset ?? bytes.length)];
  for (const section of sections) {
    const { id, offset, bodyOffset, bodySize } = section;
    if (drops(section)) continue;
    if (shortest) parts.push(Uint8Array.from([id, ...unsignedLeb(bodySize)]));
    parts.push(bytes.subarray(shortest ? bodyOffset : offset, bodyOffset + bodySize));
  }
  return concatBytes(...parts);
}

function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

function moduleOrNothing(bytes: Uint8Array): WasmModule | undefined {
  try {
    return readModule(bytes, { canonical: false });
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
