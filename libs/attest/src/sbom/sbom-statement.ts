import { z } from 'zod';
import { soleSigner, verifyEnvelope, type VerifiedEnvelope } from '../dsse.js';
import { parseBy } from '../json.js';
import { provenanceSubjects } from '../provenance.js';
import type { RebuildPredicate } from '../rebuild-predicate.js';
import { checkPredicateType, checkSubjects } from '../rebuild-statement.js';
import { parseCanonicalStatement, STATEMENT_TYPE, type Statement } from '../statement.js';
import type { PublicKey, SignatureVerifier } from '@touchstone/note';

/** A CycloneDX document, whatever its version; in-toto attestation, "CycloneDX". */
export const SBOM_PREDICATE_TYPE = 'https://cyclonedx.org/bom';

/** The document itself is the predicate; of its content only this much is looked at here. */
export const SbomPredicate = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.\d{1,2}$/, 'must be a version of CycloneDX 1'),
  components: z.array(z.looseObject({ type: z.string(), name: z.string() })).exactOptional(),
});
export type SbomPredicate = z.infer<typeof SbomPredicate>;

/** What the modules of a rebuild were built with, by its lockfile. Only when something was built. */
export function sbomStatement(
  rebuild: RebuildPredicate,
  bom: Readonly<Record<string, unknown>>,
): Statement {
  return {
    _type: STATEMENT_TYPE,
    subject: provenanceSubjects(rebuild),
    predicateType: SBOM_PREDICATE_TYPE,
    predicate: { ...bom },
  };
}

/**
 * The whole check of the bill of materials that comes with a rebuild report.
 *
 * @throws AttestError of `verifyEnvelope`, `soleSigner` and {@link checkSbomPayload}
 */
export async function checkSbomStatement(
  envelope: unknown,
  expected: {
    readonly rebuild: RebuildPredicate;
    readonly publicKeys: readonly PublicKey[];
    readonly verify: SignatureVerifier;
  },
): Promise<SbomPredicate> {
  const verified = await verifyEnvelope(envelope, expected.publicKeys, expected.verify);
  return checkSbomPayload(verified, expected.rebuild);
}

/**
 * The part of the check that comes after the signature: a CycloneDX document about the very modules
 * that the rebuild built.
 *
 * @throws AttestError `statement-malformed`, `statement-not-canonical`,
 * `statement-predicate-type`, `statement-subject-mismatch`
 */
export function checkSbomPayload(
  verified: VerifiedEnvelope,
  rebuild: RebuildPredicate,
): SbomPredicate {
  soleSigner(verified);
  const statement = parseCanonicalStatement(verified.payload);
  checkPredicateType(statement, SBOM_PREDICATE_TYPE);
  const predicate = parseBy(SbomPredicate, statement.predicate, 'statement-malformed', 'predicate');
  checkSubjects(statement, provenanceSubjects(rebuild));
  return predicate;
}
