import { createHash } from 'node:crypto';
import {
  artifactDescriptor,
  sourceDescriptor,
  AttestError,
  canonicalJson,
  checkProvenanceStatement,
  checkRebuildStatement,
  checkSbomStatement,
  PROVENANCE_PREDICATE_TYPE,
  REBUILD_PREDICATE_TYPE,
  SBOM_PREDICATE_TYPE,
  type AttestErrorCode,
  type RebuildPredicate,
} from '@touchstone/attest';
import type { Report } from '@touchstone/contract';
import { nodeVerifier, publicKeyFromSpki } from '@touchstone/keys';
import {
  lockLeasedRebuild,
  parseRecipe,
  transaction,
  type AcceptedReport,
  type Database,
  type LeaseClaim,
  type RebuilderRow,
} from '@touchstone/store';
import { ProblemError, type Refusal } from '../problem-error.js';

/**
 * Checks a report against the lease and the recipe it is for: first that the lease is the
 * caller's and live, so that a stranger learns nothing from the rest; then each statement, signed
 * by the key the rebuilder is enrolled with and about this very recipe; then that the report says
 * what its statements say.
 *
 * @throws StoreError of lockLeasedRebuild; ProblemError `report-signature`, `report-signer`,
 *   `report-malformed`, `report-subject-mismatch`, `report-recipe-mismatch`,
 *   `report-outcome-mismatch`
 */
export async function checkReport(
  db: Database,
  claim: LeaseClaim,
  rebuilder: RebuilderRow,
  report: Report,
  now: Date,
): Promise<AcceptedReport> {
  const { publication } = await transaction(db, (queries) =>
    lockLeasedRebuild(queries, claim, now),
  );
  const recipe = parseRecipe(publication.recipe);
  const publicKeys = [publicKeyFromSpki(rebuilder.spki)];
  const predicate = await refuse('rebuild', async () => {
    const checked = await checkRebuildStatement(report.rebuild, {
      artifact: artifactDescriptor(recipe.artifact),
      recipeDigest: publication.id,
      moduleNames: recipe.modules.map(({ name }) => name),
      publicKeys,
      verify: nodeVerifier,
    });
    return checked.predicate;
  });
  if (predicate.outcome !== report.outcome) {
    throw new ProblemError(
      'report-outcome-mismatch',
      `the report says ${report.outcome}, its statement ${predicate.outcome}`,
      'outcome',
    );
  }
  const { provenance } = report;
  if (provenance !== undefined) {
    await refuse('provenance', () =>
      checkProvenanceStatement(provenance, {
        rebuild: predicate,
        recipeDigest: publication.id,
        rebuilder: rebuilder.id,
        dependencies: [
          sourceDescriptor(recipe.source).digest,
          ...(predicate.toolchain === undefined ? [] : [predicate.toolchain.digest]),
        ],
        publicKeys,
        verify: nodeVerifier,
      }),
    );
  } else if (predicate.failure === undefined) {
    throw new ProblemError(
      'report-malformed',
      `outcome ${predicate.outcome} needs provenance: something was built to compare`,
      'provenance',
    );
  }
  const { sbom } = report;
  if (sbom !== undefined) {
    await refuse('sbom', () =>
      checkSbomStatement(sbom, { rebuild: predicate, publicKeys, verify: nodeVerifier }),
    );
  }
  return acceptedReport(report, predicate);
}

function acceptedReport(report: Report, predicate: RebuildPredicate): AcceptedReport {
  const { leaseToken: _, ...content } = report;
  const { outcome, failure, modules } = predicate;
  const attestations = [{ predicateType: REBUILD_PREDICATE_TYPE, envelope: report.rebuild }];
  if (report.provenance !== undefined) {
    attestations.push({ predicateType: PROVENANCE_PREDICATE_TYPE, envelope: report.provenance });
  }
  if (report.sbom !== undefined) {
    attestations.push({ predicateType: SBOM_PREDICATE_TYPE, envelope: report.sbom });
  }
  return {
    digest: createHash('sha256').update(canonicalJson(content)).digest('hex'),
    outcome,
    failure,
    // A rebuild that failed midway votes on no module, see attest's voteOf.
    modules: (failure === undefined ? modules : []).map((module) => ({
      name: module.name,
      claimedSha256: module.claimed.digest.sha256,
      claimedSize: module.claimed.size,
      outcome: module.outcome,
    })),
    attestations: attestations.map(({ predicateType, envelope }) => ({
      predicateType,
      envelope: canonicalJson(envelope),
    })),
  };
}

/** What each of attest's refusals is called in an answer; the rest are `report-malformed`. */
const REFUSALS: Partial<Readonly<Record<AttestErrorCode, Refusal>>> = {
  'dsse-signature': 'report-signature',
  'dsse-signature-count': 'report-signature',
  'signer-unknown': 'report-signer',
  'provenance-builder-mismatch': 'report-signer',
  'statement-artifact-mismatch': 'report-subject-mismatch',
  'statement-subject-mismatch': 'report-subject-mismatch',
  'statement-modules-mismatch': 'report-subject-mismatch',
  'statement-recipe-mismatch': 'report-recipe-mismatch',
  'statement-outcome-mismatch': 'report-outcome-mismatch',
  'statement-failure-mismatch': 'report-outcome-mismatch',
  'statement-variation-mismatch': 'report-outcome-mismatch',
  'module-outcome-mismatch': 'report-outcome-mismatch',
  'module-equivalence-unproven': 'report-outcome-mismatch',
};

async function refuse<T>(
  field: 'rebuild' | 'provenance' | 'sbom',
  check: () => Promise<T>,
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    const code = REFUSALS[error.code] ?? 'report-malformed';
    throw new ProblemError(code, `${field}: ${error.message} (${error.code})`, field, {
      cause: error,
    });
  }
}
