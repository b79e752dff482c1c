/** The source or the published artifact could not be had, or is not what it should be. */
const UNAVAILABLE = [
  'host-not-allowed',
  'address-not-allowed',
  'source-unreachable',
  'source-not-found',
  'too-large',
  'integrity-mismatch',
  'tarball-malformed',
  'tarball-path',
  'tarball-type',
  'tarball-duplicate',
  'tarball-too-many',
  'tarball-too-large',
  'git-url',
  'git-path',
  'git-duplicate',
  'git-link',
  'git-malformed',
  'git-too-large',
  'git-too-many',
  'git-submodule',
  'oci-refused',
  'oci-malformed',
  'oci-no-source',
  'module-not-found',
  'module-ambiguous',
  'module-malformed',
  'upload-unavailable',
  'toolchain-unknown',
  'toolchain-runtime',
  'toolchain-file-unavailable',
  'toolchain-image-unavailable',
  'dependency-unavailable',
  'dependency-mismatch',
] as const;

/** The build itself broke. */
const FAILED = [
  'command-unknown',
  'workdir-missing',
  'build-timeout',
  'build-memory',
  'build-processes',
  'build-disk',
  'build-output-flood',
  'build-exit',
  'output-missing',
  'output-not-regular',
  'output-too-large',
  'dependencies-missing',
  'dependencies-malformed',
  'dependencies-unsupported',
] as const;

/** Neither: this machine or its operator is at fault, so nothing is to be attested. */
type OperatorCode =
  | 'registry-config'
  | 'toolchain-lock'
  | 'trusted-root-malformed'
  | 'git-missing'
  | 'sandbox-unavailable'
  | 'aborted';

/** Of toolchains: their lock or this machine is at fault, never a publication. */
type ToolchainCode =
  | 'toolchain-conflict'
  | 'toolchain-tools'
  | 'toolchain-mismatch'
  | 'package-malformed'
  | 'package-too-large'
  | 'package-unknown'
  | 'index-unavailable'
  | 'index-expired'
  | 'image-malformed';

/** Of bills of materials: neither, for no build waits for one. */
type InventoryCode =
  | 'lockfile-malformed'
  | 'lockfile-unsupported'
  | 'lockfile-too-large'
  | 'sbom-malformed'
  | 'sbom-too-large'
  | 'advisory-malformed'
  | 'advisories-unreadable'
  | 'advisories-too-large';

export type RebuildErrorCode =
  | (typeof UNAVAILABLE)[number]
  | (typeof FAILED)[number]
  | OperatorCode
  | ToolchainCode
  | InventoryCode;

export class RebuildError extends Error {
  constructor(
    readonly code: RebuildErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RebuildError';
  }
}

/** What a failure makes of a rebuild; undefined when it says nothing about the publication. */
export function outcomeOfFailure(error: RebuildError): 'unavailable' | 'failed' | undefined {
  if ((UNAVAILABLE as readonly string[]).includes(error.code)) return 'unavailable';
  return (FAILED as readonly string[]).includes(error.code) ? 'failed' : undefined;
}

/** The code of a failed system call, e.g. `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
