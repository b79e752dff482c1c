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
  const whole = { claimed: wholeFile(claimed), observed: wholeFile(observed) };
  const sizes = { claimedSize: claimed.length, observedSize: observed.length };
  const equal = samePiece(whole.claimed, whole.observed);
  const left = read(malformed, 'claimed', 'file', () => readSections(claimed));
  const right = read(malformed, 'observed', 'file', () => readSections(observed));
  if (left === undefined || right === undefined) {
    const { ranges, truncated } = differingRanges(whole.claimed, whole.observed, limits.ranges);
    const status = equal ? 'equal' : 'different';
    const file: SectionDifference = {
      section: 'file',
      id: WHOLE_FILE_ID,
      status,
      claimed: { offset: 0, size: claimed.length },
      observed: { offset: 0, size: observed.length },
      ranges,
    };
    const none = { functions: nothing(), segments: nothing() };
    return { equal, ...sizes, malformed, sections: [file], ...none, truncated };
  }

  const functions = compareFunctions(left, right, limits, malformed, equal);
  const segments = compareSegments(left, right, limits, malformed);
  const { sections, truncated } = compareSections(left, right, limits, {
    code: functions,
    data: segments,
  });
  const cut = truncated || functions.truncated || segments.truncated;
  return {
    equal,
    ...sizes,
    malformed,
    sections,
    functions: functions.differences,
    segments: segments.differences,
    truncated: cut,
  };
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
  if (claimed === undefined || observed === undefined) return unread(claimed, observed);
  const names = equal
    ? undefined
    : { claimed: readFunctionNames(left), observed: readFunctionNames(right) };
  return compareEntries(
    { module: left, section: 'code', entries: claimed, names: names?.claimed },
    { module: right, section: 'code', entries: observed, names: names?.observed },
    limits,
  );
}

function compareSegments(
  left: WasmModule,
  right: WasmModule,
  limits: DifferenceLimits,
  malformed: Malformed[],
): Compared {
  const claimed = read(malformed, 'claimed', 'data', () => readDataSegments(left));
  const observed = read(malformed, 'observed', 'data', () => readDataSegments(right));
  if (claimed === undefined || observed === undefined) return unread(claimed, observed);
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

function unread(claimed?: readonly unknown[], observed?: readonly unknown[]): Compared {
  return { differences: nothing(claimed?.length, observed?.length), truncated: false };
}
