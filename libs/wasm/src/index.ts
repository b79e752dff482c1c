export { WasmError, type WasmErrorCode } from './errors.js';
export {
  readModule,
  type ReadOptions,
  type Section,
  type SectionName,
  type Span,
  type WasmModule,
} from './module.js';
export {
  countImports,
  readImports,
  type Import,
  type ImportCounts,
  type ImportKind,
} from './imports.js';
export { readFunctions, type FunctionBody } from './functions.js';
export { readFunctionNames } from './names.js';
export { readDataSegments, type DataSegment } from './data.js';
export { compareModules } from './compare.js';
export {
  defaultLimits,
  WHOLE_FILE_ID,
  type DifferenceLimits,
  type EntryDifference,
  type EntryDifferences,
  type EntryStatus,
  type Malformed,
  type ModuleDifference,
  type SectionDifference,
  type SectionStatus,
  type Side,
} from './difference.js';
export type { DifferingRange } from './ranges.js';
export { formatDifference } from './format.js';
export {
  summariseDifference,
  type DifferenceSummary,
  type SummaryLimits,
  type SummaryRange,
} from './summary.js';
export { STRIP_CUSTOM_SECTIONS, stripCustomSections } from './strip.js';
