export { BlobStore } from './source/blob-store.js';
export { outcomeOfFailure, RebuildError, type RebuildErrorCode } from './errors.js';
export { NpmSource, type NpmSourceOptions, type PinnedPackage } from './source/npm-source.js';
export {
  readRegistryConfig,
  type RegistryConfig,
  type RegistryConfigInput,
} from './source/registry-config.js';
export { judgeModules } from './compare/judge.js';
export { locateModule } from './compare/locate.js';
export { planSteps } from './plan.js';
export { readPublished, type PublishedOptions } from './compare/published.js';
export { rebuild, type RebuildReport } from './rebuild.js';
export type { RebuildOptions, RebuildStage } from './rebuild-options.js';
export type { Executor, SandboxResult, SandboxRun } from './sandbox/executor.js';
export { BubblewrapSandbox } from './sandbox/bubblewrap.js';
export { openSandbox, SANDBOX_CHOICES, type SandboxChoice } from './sandbox/open-sandbox.js';
export { BUILD_ENVIRONMENT, DEFAULT_LIMITS, type SandboxLimits } from './sandbox/sandbox-limits.js';
export { DebianSource, type DebianSourceOptions } from './toolchain/debian/debian-source.js';
export { lockDebian, type LockDebianOptions } from './toolchain/debian/lock-debian.js';
export { debianProfile } from './toolchain/debian/profiles.js';
export { collectToolchains } from './toolchain/collect-garbage.js';
export { lockNpm, type LockNpmOptions } from './toolchain/npm/lock-npm.js';
export { readPackument } from './toolchain/npm/packument.js';
export {
  imagesFolder,
  readOperatorSettings,
  type OperatorSettings,
} from './toolchain/operator-settings.js';
export {
  exportToolchain,
  importToolchains,
  type ExportedToolchain,
  type ImportedToolchains,
} from './toolchain/transfer.js';
export {
  addToolchainLock,
  formatToolchainLock,
  listToolchainLocks,
  readToolchainLock,
} from './toolchain/lock-folders.js';
export {
  parseToolchainLock,
  TOOLCHAIN_LOCK_SCHEMA,
  type ToolchainLock,
} from './toolchain/toolchain-lock.js';
export {
  assembleToolchain,
  findToolchain,
  firstDifference,
  verifyToolchain,
  type AssembleOptions,
  type ResolvedDependency,
  type Toolchain,
} from './toolchain/toolchain.js';
export { readTree, removeTree, treeDigest, type TreeEntry } from './toolchain/tree.js';
export { operatorSources } from './source/operator-sources.js';
export type { Sources } from './source/sources.js';
export { readLinkedTarball, readTarball, unpackTarball } from './source/unpack.js';
export {
  cycloneDxDocument,
  type CycloneDxVersion,
  type DocumentOptions,
  type JsonDocument,
} from './sbom/cyclonedx.js';
export type { DependencyGraph } from './sbom/dependency-graph.js';
export { readBinaryInventory, type BinaryInventory } from './sbom/binary-inventory.js';
export {
  compareWithLockfile,
  type InventoryComparison,
  type InventoryDifference,
} from './sbom/compare-inventories.js';
export type { FoundLockfile } from './sbom/find-lockfile.js';
export type { InventoryItem } from './sbom/inventory.js';
export { LOCKFILES, readLockfile } from './sbom/lockfile.js';
export { readPackagedSboms, type PackagedSbom } from './sbom/packaged-sboms.js';
export { readSbom, type ReadSbom } from './sbom/read-sbom.js';
export { spdxDocument } from './sbom/spdx.js';
export { validateSbom, type SbomProblem, type SbomValidation } from './sbom/validate-sbom.js';
export { matchVulnerabilities, type Vulnerability, type VulnerabilityReport } from './osv/match.js';
export { readClues, type Clues } from './infer/clues.js';
export { findModules, type FoundModule } from './infer/find-modules.js';
export { inferRecipes, type Inference } from './infer/infer.js';
export type { InferredModule } from './infer/inferred-module.js';
export { LockMaker } from './infer/infer-locks.js';
export { readProvenance } from './infer/provenance/read-provenance.js';
export type { ProvenanceOutcome } from './infer/provenance/outcome.js';
export { readRegistryFacts } from './infer/registry-facts.js';
