export type { Appended, Published } from './append-pool.js';
export { TlogError, type TlogErrorCode } from './error.js';
export { fsck, type FsckOptions, type FsckReport } from './fsck.js';
export type { FsckProblem, FsckProblemCode } from './fsck-problem.js';
export { lockFolder, type Lock } from './folder-lock.js';
export type { TlogLimits } from './limits.js';
export { writeDurably } from './map/durable-file.js';
export {
  IndexedMap,
  inRanges,
  type ExtendOptions,
  type KeysOfLeaf,
  type LeafRanges,
  type ReadLeaves,
  type StagedMap,
} from './map/indexed-map.js';
export type { MapView } from './map/map-view.js';
export { nodeMapHasher } from './map/map-hasher.js';
export { nodeHasher } from './node-hasher.js';
export { nodeSha256 } from './node-sha256.js';
export { readState } from './open-state.js';
export { PosixStorage } from './posix-storage.js';
export { CHECKPOINT_PATH, STATE_PATH, type StoredFile, type TileStorage } from './storage.js';
export { repair, type RepairReport } from './repair/repair.js';
export { TileReader, type ReadPath, type TileReaderOptions } from './tile-reader.js';
export { Tlog } from './tlog.js';
export type { TlogEvent, TlogOptions } from './tlog-options.js';
export {
  ADD_CHECKPOINT_LIMITS,
  formatAddCheckpoint,
  parseAddCheckpoint,
  type AddCheckpoint,
} from './witness/add-checkpoint.js';
export {
  PolicyCosigner,
  type PolicyCosignerOptions,
  type WitnessEvent,
} from './witness/policy-cosigner.js';
export { originHash, Witness, type WitnessAnswer } from './witness/witness.js';
export type { WitnessOptions, WitnessOutcome } from './witness/witness.js';
export type { WitnessResult } from './witness/witness-client.js';
export { PosixWitnessStorage, type WitnessStorage } from './witness/witness-storage.js';
