import {
  parseJson,
  resolveTrustRoot,
  type ParsedSearchEvidence,
  type TrustRoot,
} from '@touchstone/attest';
import type { RevocationOptions } from '../revocation/check-revocations.js';
import { MAX_DOCUMENT_BYTES, type Capsule } from './capsule.js';

/**
 * Who may take nodes back, with lists beside those in the capsule. What a log answered about them
 * later counts in place of what the capsule has of that.
 */
export interface AskedRevocations extends Omit<RevocationOptions, 'search'> {
  readonly search?: ParsedSearchEvidence;
}

/**
 * Whether a capsule has revocation lists, or a log's answer about them; whether they were checked, by
 * what was handed over alone or by all that the log has.
 */
export type Revoked = 'none' | 'unchecked' | 'checked' | 'searched';

/** What is asked, with what the capsule has for it; the log's answer counts under the trust root. */
export function revocationsOf(
  capsule: Capsule,
  searched: ParsedSearchEvidence | undefined,
  revocations: AskedRevocations | undefined,
  trustRoot: TrustRoot,
): RevocationOptions | undefined {
  if (revocations === undefined) return undefined;
  const { search: later, files, ...asked } = revocations;
  const evidence = later ?? searched;
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

export function documentsIn(documents: readonly Uint8Array[] = []): unknown[] {
  return documents.map((document) => parseJson(document, MAX_DOCUMENT_BYTES));
}
