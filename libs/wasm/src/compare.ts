import { compareEntries } from './compare-entries.js';
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
import { readFunctions } from './functions.js';
import { readModule, type WasmModule } from './module.js';
import { readFunctionNames } from './names.js';
import { differingRanges, samePiece, type Piece } from './ranges.js';

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
  const malformed: Malformed[] = [];
  const sizes = { claimedSize: claimed.length, observedSize: observed.length };
  const equal = samePiece(wholeFile(claimed), wholeFile(observed));
  const left = read(malformed, 'claimed', 'file', () => readSections(claimed));
  const right = read(malformed, 'observed', 'file', () => readSections(observed));
  if (left === undefined || right === undefined) {
    const { section, truncated } = compareFiles(claimed, observed, limits);
    const none = { functions: nothing(), segments: nothing() };
    return { equal, ...sizes, malformed, sections: [section], ...none, truncated };
  }

  const functions = compareFunctions(left, right, limits, malformed, equal);
  const segments = compareSegments(left, right, limits, malformed, equal);
  const inner = { code: functions, data: segments };
  const { sections, ...found } = compareSections(left, right, limits, inner);
  let truncated = found.truncated || functions.truncated || segments.truncated;
  if (!equal && sections.every(({ status }) => status === 'equal')) {
    // Equal sections in another order: only the files as a whole can show it.
    const file = compareFiles(claimed, observed, limits);
    sections.push(file.section);
    truncated ||= file.truncated;
  }
  const entries = { functions: functions.differences, segments: segments.differences };
  return { equal, ...sizes, malformed, sections, ...entries, truncated };
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

interface Compared {
  differences: EntryDifferences;
  truncated: boolean;
}

function compareFunctions(
  left: WasmModule,
  right: WasmModule,
  limits: DifferenceLimits,
  malformed: Malformed[],
  equal: boolean,
): Compared {
  const claimed = read(malformed, 'claimed', 'code', () => readFunctions(left));
  const observed = read(malformed, 'observed', 'code', () => readFunctions(right));
  if (claimed === undefined || observed === undefined || equal)
    return uncompared(claimed, observed);
  return compareEntries(
    { module: left, section: 'code', entries: claimed, names: readFunctionNames(left) },
    { module: right, section: 'code', entries: observed, names: readFunctionNames(right) },
    limits,
  );
}

function compareSegments(
  left: WasmModule,
  right: WasmModule,
  limits: DifferenceLimits,
  malformed: Malformed[],
  equal: boolean,
): Compared {
  const claimed = read(malformed, 'claimed', 'data', () => readDataSegments(left));
  const observed = read(malformed, 'observed', 'data', () => readDataSegments(right));
  if (claimed === undefined || observed === undefined || equal)
    return uncompared(claimed, observed);
  return compareEntries(
    { module: left, section: 'data', entries: claimed, names: undefined },
    { module: right, section: 'data', entries: observed, names: undefined },
    limits,
  );
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

function uncompared(claimed?: readonly unknown[], observed?: readonly unknown[]): Compared {
  return { differences: nothing(claimed?.length, observed?.length), truncated: false };
}
