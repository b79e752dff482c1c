export {
  ACKNOWLEDGEMENT_PREDICATE_TYPE,
  Acknowledgement,
  compactParts,
  followAcknowledgement,
  signAcknowledgement,
  signCompactAcknowledgement,
  verifyAcknowledgement,
} from './acknowledgement.js';
export { ARCHIVE_END, archiveHeader, archivePadding, readArchive } from './archive.js';
export { attestationDigest, viewOf, type EntryStanding } from './carried-entry.js';
export { AirgapError, type AirgapErrorCode, type ForkProof } from './errors.js';
export { signExport } from './exporter.js';
export { judgeImport, type ImportVerdict, type TimeKnowledge } from './import-verdict.js';
export {
  countLeaves,
  packBundle,
  rangesOf,
  type BundleContents,
  type CarriedArtifact,
  type CarrySource,
  type LeafRange,
} from './pack.js';
export {
  choosePartSubset,
  decodePartSubset,
  encodePartSubset,
  PART_SUBSET_BYTES,
  type PartSubset,
} from './part-subset.js';
export { PART_LIMITS, type PartDigest } from './part-tree.js';
export {
  encodePartHead,
  missingParts,
  partHeads,
  partLength,
  planParts,
  readPartHead,
  type PartHead,
} from './parts.js';
export { readRecords, type Hashing } from './record-reader.js';
export { exporterMessage, type CarryHeader } from './record.js';
export {
  decodeCheckpointSlip,
  encodeCheckpointSlip,
  type CheckpointSlip,
} from './slip/checkpoint-slip.js';
export {
  checkFitsSymbol,
  slipBytes,
  slipText,
  SYMBOL_BYTES,
  SYMBOL_CHARACTERS,
} from './slip/slip-text.js';
export { verifyCheckpointSlip } from './slip/verify-checkpoint-slip.js';
export type { TreeBase } from './tree-walk.js';
export type {
  SiteKnowledge,
  VerifiedBundle,
  VerifiedItem,
  VerifyBundleOptions,
} from './verified-bundle.js';
export { verifyBundle } from './verify-bundle.js';
