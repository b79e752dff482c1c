export { BlobStore } from './blob-store.js';
export { outcomeOfFailure, RebuildError, type RebuildErrorCode } from './errors.js';
export { NpmSource, type NpmSourceOptions, type PinnedPackage } from './npm-source.js';
export {
  readRegistryConfig,
  type RegistryConfig,
  type RegistryConfigInput,
} from './registry-config.js';
export { judgeModules } from './judge.js';
export { locateModule } from './locate.js';
export { killOrphans } from './orphans.js';
export { readPublished, type PublishedOptions } from './published.js';
export { rebuild, type RebuildOptions, type RebuildReport, type RebuildStage } from './rebuild.js';
export { BubblewrapSandbox, type SandboxResult, type SandboxRun } from './sandbox.js';
export { BUILD_ENVIRONMENT, DEFAULT_LIMITS, type SandboxLimits } from './sandbox-limits.js';
export { readToolchainLock, type ToolchainLock } from './toolchain-lock.js';
export {
  assembleToolchain,
  verifyToolchain,
  type ResolvedDependency,
  type Toolchain,
} from './toolchain.js';
export { readTree, removeTree, treeDigest, type TreeEntry } from './tree.js';
export { unpackTarball } from './unpack.js';
