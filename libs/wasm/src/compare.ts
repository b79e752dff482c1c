import { compareEntries, type OnlyShifted } from './compare-entries.js';
import { compareSections } from './compare-sections.js';
import { readDataSegments } from './data.js';
import {
  defaultLimits,
  WHOLE_FILE_ID,
  type DifferenceLimits,
  type EntryDifferences,
  type Malformed,
  type ModuleDifference,
  type SectionDifference,
  type Side,
} from './difference.js';
import { WasmError } from './errors.js';
import { ShiftDetector } from './explain/shift.js';
import { readFunctions } from './functions.js';
import { readModule, type WasmModule } from './module.js';
import { pairFunctions, pairSegments, type Entry, type Pairing } from './pairing.js';
import { differingRanges, samePiece, type Piece } from './ranges.js';

/** A comparison and what it learnt on the way, for whoever explains it. */
export interface Comparison {
  difference: ModuleDifference;
  /** Absent when a side could not be read as a module. */
  modules?: { claimed: WasmModule; observed: WasmModule };
  /** Absent when the sides are equal, or have code that could not be read. */
  functions?: Pairing;
  segments?: Pairing;
  shift?: ShiftDetector;
}

/**
 * Compares what was published with what was rebuilt: by section, function and data segment.
 *
 * Never throws. A side that is no module makes it a comparison of whole files; code or data that
 * cannot be read is compared as the bytes of its section; `malformed` tells which, and where.
 * Padded integers are read as the specification has them and count as differences.
 */
export function compareModules(
  claimed: Uint8Array,
  observed: Uint8Array,
  limits: DifferenceLimits = defaultLimits,
): ModuleDifference {
  return compareInDetail(claimed, observed, limits).difference;
}

export function compareInDetail(
  claimed: Uint8Array,
  observed: Uint8Array,
  limits: DifferenceLimits = defaultLimits,
): Comparison {
  const malformed: Malformed[] = [];
  const sizes = { claimedSize: claimed.length, observedSize: observed.length };
  const equal = samePiece(wholeFile(claimed), wholeFile(observed));
  const left = read(malformed, 'claimed', 'file', () => readSections(claimed));
  const right = read(malformed, 'observed', 'file', () => readSections(observed));
  if (left === undefined || right === undefined) {
    const { section, truncated } = compareFiles(claimed, observed, limits);
    const none = { functions: nothing(), segments: nothing() };
    return {
      difference: { equal, ...sizes, malformed, sections: [section], ...none, truncated },
    };
  }

  const code = readBoth(malformed, 'code', left, right, readFunctions);
  const data = readBoth(malformed, 'data', left, right, readDataSegments);
  const segmentPairs = equal || data.pair === undefined ? undefined : pairSegments(...data.pair);
  const functionPairs = equal || code.pair === undefined ? undefined : pairFunctions(...code.pair);
  const shift = functionPairs && new ShiftDetector(left, right, functionPairs, segmentPairs);
  const functions = compareList(
    code,
    functionPairs,
    limits,
    (a, b) => shift?.onlyShifted(a, b) ?? false,
  );
  const segments = compareList(data, segmentPairs, limits);
  const { sections, ...found } = compareSections(left, right, limits, {
    code: functions,
    data: segments,
  });
  let truncated = found.truncated || functions.truncated || segments.truncated;
  if (!equal && sections.every(({ status }) => status === 'equal')) {
    // Equal sections in another order: only the files as a whole can show it.
    const file = compareFiles(claimed, observed, limits);
    sections.push(file.section);
    truncated ||= file.truncated;
  }
  const entries = { functions: functions.differences, segments: segments.differences };
  return {
    difference: { equal, ...sizes, malformed, sections, ...entries, truncated },
    modules: { claimed: left, observed: right },
    ...(functionPairs === undefined ? {} : { functions: functionPairs }),
    ...(segmentPairs === undefined ? {} : { segments: segmentPairs }),
    ...(shift === undefined ? {} : { shift }),
  };
}

function compareFiles(
  claimed: Uint8Array,
  observed: Uint8Array,
  limits: DifferenceLimits,
): { section: SectionDifference; truncated: boolean } {
  const [left, right] = [wholeFile(claimed), wholeFile(observed)];
  const { ranges, truncated } = differingRanges(left, right, limits.ranges);
  const section: SectionDifference = {
    section: 'file',
    id: WHOLE_FILE_ID,
    status: samePiece(left, right) ? 'equal' : 'different',
    claimed: { offset: 0, size: claimed.length },
    observed: { offset: 0, size: observed.length },
    ranges,
  };
  return { section, truncated };
}

/** The functions or data segments of both sides, as far as they could be read. */
interface Lists {
  claimedTotal: number;
  observedTotal: number;
  pair?: [SideOfList, SideOfList];
}

interface SideOfList {
  module: WasmModule;
  entries: readonly Entry[];
}

function readBoth(
  malformed: Malformed[],
  part: 'code' | 'data',
  left: WasmModule,
  right: WasmModule,
  reader: (module: WasmModule) => readonly Entry[],
): Lists {
  const claimed = read(malformed, 'claimed', part, () => reader(left));
  const observed = read(malformed, 'observed', part, () => reader(right));
  const totals = { claimedTotal: claimed?.length ?? 0, observedTotal: observed?.length ?? 0 };
  if (claimed === undefined || observed === undefined) return totals;
  return {
    ...totals,
    pair: [
      { module: left, entries: claimed },
      { module: right, entries: observed },
    ],
  };
}

interface Compared {
  differences: EntryDifferences;
  truncated: boolean;
}

function compareList(
  { claimedTotal, observedTotal }: Lists,
  pairing: Pairing | undefined,
  limits: DifferenceLimits,
  onlyShifted?: OnlyShifted,
): Compared {
  if (pairing === undefined)
    return { differences: nothing(claimedTotal, observedTotal), truncated: false };
  return compareEntries(pairing, limits, onlyShifted);
}

function readSections(bytes: Uint8Array): WasmModule {
  return readModule(bytes, { canonical: false });
}

function read<T>(
  malformed: Malformed[],
  side: Side,
  part: Malformed['part'],
  reader: () => T,
): T | undefined {
  try {
    return reader();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    const { code, offset, message } = error;
    malformed.push({ side, part, code, offset, message });
    return undefined;
  }
}

function wholeFile(bytes: Uint8Array): Piece {
  return { bytes, offset: 0, size: bytes.length };
}

function nothing(claimedTotal = 0, observedTotal = 0): EntryDifferences {
  return { entries: [], differing: 0, claimedTotal, observedTotal };
}
