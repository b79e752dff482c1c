import {
  AttestError,
  failureMessage,
  provenanceStatement,
  rebuildStatement,
  sbomStatement,
  signEnvelope,
  type DsseEnvelope,
  type RebuildPredicate,
} from '@touchstone/attest';
import type { Recipe } from '@touchstone/contract';
import type { Signer } from '@touchstone/note';
import { cycloneDxDocument, readLockfile, RebuildError } from '@touchstone/rebuild';
import type { RebuildReport } from '@touchstone/rebuild';

export interface SignedReport {
  readonly rebuild: DsseEnvelope;
  readonly provenance?: DsseEnvelope;
  readonly sbom?: DsseEnvelope;
}

/**
 * Signs what one rebuild showed: always a statement of what was seen, and SLSA provenance of what
 * was built when anything was; with it a bill of materials, when the source has a lockfile.
 */
export async function signReport(
  report: RebuildReport,
  options: {
    readonly recipe: Recipe;
    readonly rebuilderId: string;
    readonly invocationId: string;
    readonly version: string;
    readonly signer: Signer;
    /** Told why a source that has a lockfile gets no bill of materials. */
    readonly onUnlisted?: (reason: string) => void;
  },
): Promise<SignedReport> {
  const { recipe, rebuilderId, invocationId, version, signer } = options;
  const predicate = withPrintableFailure(report.predicate);
  const rebuild = await signEnvelope(rebuildStatement(predicate), signer);
  if (!predicate.modules.some(({ observed }) => observed !== undefined)) return { rebuild };
  const provenance = provenanceStatement({
    rebuild: predicate,
    recipe,
    resolvedDependencies: report.resolvedDependencies.map((dependency) => ({ ...dependency })),
    rebuilder: rebuilderId,
    invocationId,
    version: { touchstone: version },
  });
  const sbom = await signSbom(report, predicate, options);
  return {
    rebuild,
    provenance: await signEnvelope(provenance, signer),
    ...(sbom === undefined ? {} : { sbom }),
  };
}

/**
 * The lockfile is a stranger's. One that cannot be read, or names more than fits a statement, costs
 * the bill of materials and not the report. No time is written into it, so that all who rebuild
 * with one version of Touchstone sign the same document.
 */
async function signSbom(
  { lockfile }: RebuildReport,
  predicate: RebuildPredicate,
  { version, signer, onUnlisted }: Parameters<typeof signReport>[1],
): Promise<DsseEnvelope | undefined> {
  if (lockfile === undefined) return undefined;
  try {
    const graph = readLockfile(lockfile.name, lockfile.bytes, lockfile.beside);
    const document = cycloneDxDocument(graph, '1.6', { toolVersion: version });
    return await signEnvelope(sbomStatement(predicate, document), signer);
  } catch (error) {
    if (!(error instanceof RebuildError) && !(error instanceof AttestError)) throw error;
    onUnlisted?.(`${error.code}: ${error.message}`);
    return undefined;
  }
}

/** A failure quotes what the build printed, and a build may print anything. */
function withPrintableFailure(predicate: RebuildPredicate): RebuildPredicate {
  const { failure } = predicate;
  if (failure === undefined) return predicate;
  return { ...predicate, failure: { ...failure, message: failureMessage(failure.message) } };
}
