import type { GitCommit } from '@touchstone/contract';

/** What is to be thought of the SLSA provenance that a registry has of a package. */
export type ProvenanceOutcome = Absent | Verified | NotVerified;

interface Absent {
  readonly state: 'absent';
}

export interface Verified {
  readonly state: 'verified';
  readonly source: GitCommit;
  /** Whom the certificate names: the workflow that signed, and who vouched for it. */
  readonly signer: { readonly identity: string; readonly issuer: string };
}

/** There is one, and nothing that it says is believed. */
export interface NotVerified {
  readonly state: 'not-verified';
  readonly code: ProvenanceCode;
  readonly reason: string;
}

export type ProvenanceCode =
  /** It could not be fetched, which says nothing of whether there is one. */
  | 'provenance-unreachable'
  | 'provenance-malformed'
  | 'provenance-subject-mismatch'
  | 'provenance-source-missing'
  /** Signature, certificate, time or log entry do not verify against the trusted root. */
  | 'provenance-signature'
  /** The certificate was issued to a workflow of another repository or commit, or to none. */
  | 'provenance-signer-mismatch';

export function refused(code: ProvenanceCode, reason: string): NotVerified {
  return { state: 'not-verified', code, reason };
}
