import {
  failureMessage,
  provenanceStatement,
  rebuildStatement,
  signEnvelope,
  type DsseEnvelope,
  type RebuildPredicate,
} from '@touchstone/attest';
import type { Recipe } from '@touchstone/contract';
import type { Signer } from '@touchstone/note';
import type { RebuildReport } from '@touchstone/rebuild';

export interface SignedReport {
  readonly rebuild: DsseEnvelope;
  readonly provenance?: DsseEnvelope;
}

/**
 * Signs what one rebuild showed: always a statement of what was seen, and SLSA provenance of what
 * was built when anything was.
 */
export async function signReport(
  report: RebuildReport,
  options: {
    readonly recipe: Recipe;
    readonly rebuilderId: string;
    readonly invocationId: string;
    readonly version: string;
    readonly signer: Signer;
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
  return { rebuild, provenance: await signEnvelope(provenance, signer) };
}

/** A failure quotes what the build printed, and a build may print anything. */
function withPrintableFailure(predicate: RebuildPredicate): RebuildPredicate {
  const { failure } = predicate;
  if (failure === undefined) return predicate;
  return { ...predicate, failure: { ...failure, message: failureMessage(failure.message) } };
}
