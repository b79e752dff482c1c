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
export { normaliseModules, stabilizerOf, type Tier } from './normalise.js';
export { explainDifference, type Explanation } from './explain/explain.js';
export { REMEDIES, type Cause, type CauseCode, type Evidence } from './explain/causes/cause.js';
export type { FunctionChange, FunctionChanges, InstructionLine } from './explain/functions.js';
export type { ChangedText, TextChange } from './explain/text-changes.js';
export { formatExplanation } from './explain/text.js';
export { differingNodes, type DifferingNode } from './explain/differing-nodes.js';
export {
  moduleAt,
  readBinary,
  readComponent,
  walkNodes,
  type ComponentNode,
  type ComponentSection,
  type ComponentSectionName,
  type ModuleNode,
  type Node,
  type ReadComponentOptions,
} from './component/component.js';
export type {
  Definition,
  InlineExport,
  Instance,
  NamedReference,
} from './component/definitions.js';
export type { Alias } from './component/alias.js';
export type { Canon, CanonOperands, CanonOption } from './component/canon.js';
export type {
  CoreCompositeType,
  CoreExternType,
  CoreField,
  CoreFuncType,
  CoreLimits,
  CoreSubType,
  CoreValueType,
} from './component/core-types.js';
export type { ExternName, ExternType } from './component/extern.js';
export type {
  CoreType,
  Declaration,
  DefinedType,
  FuncType,
  ModuleDeclaration,
} from './component/types.js';
export type {
  DefinedValueType,
  LabelledType,
  PrimitiveType,
  ValueType,
} from './component/value-types.js';
export { SORTS, type CoreSort, type Sort, type SortIndex } from './component/sorts.js';
export {
  customSections,
  readBuildId,
  readOwnName,
  readProducers,
  readTargetFeatures,
  type CustomSection,
  type Producer,
  type ProducersField,
  type TargetFeature,
} from './component/custom.js';
export { appendCustomSection, withoutCustomSections } from './component/edit-custom.js';
export { digestNodes, type NodeDigest } from './component/digest.js';
export { readExports, type Export } from './component/module-exports.js';
export { stripBinary } from './component/strip.js';
export { validateStructure } from './component/validate.js';
export {
  typeComponent,
  type TypingOptions,
  type WiringMismatch,
} from './component/typing/resolve-component.js';
export { checkSubtype, Comparison, isSubtype } from './component/typing/subtype.js';
export { TypeBudget } from './component/typing/budget.js';
export { instantiate } from './component/typing/instantiate.js';
export { Substitution } from './component/typing/substitute.js';
export { partsOf } from './component/typing/parts.js';
export { formatMismatch, type Mismatch, type MismatchCode } from './component/typing/mismatch.js';
export { needsName } from './component/typing/shapes.js';
export type {
  AnyShape,
  ComponentShape,
  CoreShape,
  FuncShape,
  InstanceShape,
  ItemShape,
  Member,
  Members,
  ModuleShape,
  NamedShape,
  Owner,
  ResourceShape,
  Value,
  ValueShape,
} from './component/typing/shapes.js';
export {
  parseExternName,
  parseInterfaceName,
  type InterfaceName,
  type ParsedName,
} from './component/typing/extern-names.js';
export { versionFit, versionTrack, type VersionFit } from './component/typing/versions.js';
export { signBinary, signDetached, type SignOptions } from './signature/sign.js';
export {
  verifySignatures,
  type CertificateJudge,
  type JudgedCertificates,
  type SignatureCode,
  type SignatureFinding,
  type SignatureReport,
  type SignatureTrust,
} from './signature/verify.js';
export type { SignatureProfile } from './signature/coverage.js';
export type { RollingHash } from './signature/parts.js';
export { witOf } from './component/wit/component-wit.js';
