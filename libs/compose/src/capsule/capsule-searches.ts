import {
  isAskedFor,
  parseJson,
  publicationTargets,
  resolveTrustRoot,
  type Evidence,
  type ParsedSearchEvidence,
  type SearchTarget,
  type TrustRoot,
} from '@touchstone/attest';
import type { EvidenceOptions } from '../node-evidence.js';
import type { RevocationOptions } from '../revocation/check-revocations.js';
import { revokerTargets } from '../revocation/logged-lists.js';
import { MAX_DOCUMENT_BYTES, type Capsule } from './capsule.js';

/** Who may take nodes back, with lists beside those in the capsule. */
export type AskedRevocations = Omit<RevocationOptions, 'search'>;

/**
 * Whether a capsule has revocation lists, or a log's answer about them; whether they were checked, by
 * what was handed over alone or by all that the log has.
 */
export type Revoked = 'none' | 'unchecked' | 'checked' | 'searched';

/** What a log answered: the reader's own answers first, then the one in the capsule. */
export type Searches = readonly ParsedSearchEvidence[];

/** What is asked, with what is at hand for it; a log's answer counts under the trust root. */
export function revocationsOf(
  capsule: Capsule,
  searches: Searches,
  revocations: AskedRevocations | undefined,
  trustRoot: TrustRoot,
): RevocationOptions | undefined {
  if (revocations === undefined) return undefined;
  const { files, ...asked } = revocations;
  // One that is about others is refused rather than passed over.
  const evidence = answering(searches, revokerTargets(asked.revokers)) ?? searches[0];
  return {
    ...asked,
    files: [...documentsIn(capsule.revocations), ...files],
    ...(evidence && { search: { evidence, trust: resolveTrustRoot(trustRoot) } }),
  };
}

export function revokedOf(
  { revocations, search }: Capsule,
  asked: RevocationOptions | undefined,
): Revoked {
  if (asked !== undefined) return asked.search === undefined ? 'checked' : 'searched';
  return revocations === undefined && search === undefined ? 'none' : 'unchecked';
}

/** What a log answered about all publications of the evidence, if it was asked. */
export function completenessOf(
  evidence: readonly Evidence[],
  searches: Searches,
): Pick<EvidenceOptions, 'search'> {
  const search = answering(searches, publicationTargets(evidence));
  return search === undefined ? {} : { search };
}

function answering(
  searches: Searches,
  targets: readonly SearchTarget[],
): ParsedSearchEvidence | undefined {
  return searches.find((search) => isAskedFor(search, targets));
}

export function documentsIn(documents: readonly Uint8Array[] = []): unknown[] {
  return documents.map((document) => parseJson(document, MAX_DOCUMENT_BYTES));
}
