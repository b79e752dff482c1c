/** Every way in which this library refuses. Closed: callers may switch over it exhaustively. */
export type AttestErrorCode =
  // JSON and canonical JSON
  | 'json-malformed'
  | 'json-not-representable'
  | 'json-too-deep'
  | 'json-too-large'
  // CBOR
  | 'cbor-malformed'
  | 'cbor-limit'
  | 'cbor-not-representable'
  // What a statement is about
  | 'artifact-malformed'
  | 'recipe-malformed'
  // DSSE
  | 'dsse-malformed'
  | 'dsse-payload-too-large'
  | 'dsse-payload-type'
  | 'dsse-signature'
  | 'dsse-signature-count'
  | 'signer-unknown'
  | 'signer-retired'
  // COSE
  | 'cose-malformed'
  | 'cose-content-type'
  | 'cose-signature'
  // Statements and predicates
  | 'statement-malformed'
  | 'statement-not-canonical'
  | 'statement-predicate-type'
  | 'statement-recipe-mismatch'
  | 'statement-artifact-mismatch'
  | 'statement-subject-mismatch'
  | 'statement-modules-mismatch'
  | 'statement-outcome-mismatch'
  | 'statement-failure-mismatch'
  | 'statement-variation-mismatch'
  | 'module-outcome-mismatch'
  | 'module-equivalence-unproven'
  | 'provenance-build-type'
  | 'provenance-builder-mismatch'
  | 'provenance-dependency-missing'
  | 'provenance-environment-mismatch'
  | 'provenance-parameter-unknown'
  | 'provenance-without-rebuild'
  | 'sbom-without-rebuild'
  // Log entries
  | 'public-key-malformed'
  | 'entry-body-mismatch'
  | 'entry-malformed'
  | 'entry-kind-unknown'
  | 'entry-signature'
  | 'entry-digest-mismatch'
  | 'der-malformed'
  | 'certificate-malformed'
  | 'pem-malformed'
  | 'algorithm-unsupported'
  | 'algorithm-mismatch'
  | 'bundle-unavailable'
  // The verifiable index
  | 'search-malformed'
  | 'map-commitment-malformed'
  | 'map-commitment-mismatch'
  | 'map-commitment-signature'
  | 'map-proof'
  | 'map-page'
  /** A listed entry does not speak of what it is listed under. */
  | 'map-wrong'
  /** More leaves came after the newest map than are read. */
  | 'commitment-too-old'
  | 'answer-too-large'
  | 'search-evidence-malformed'
  /** The file does not have what a question takes to answer. */
  | 'search-evidence-incomplete'
  // What a log says of itself
  | 'life-malformed'
  | 'life-signature'
  | 'life-inconsistent'
  // Trust root and policy
  | 'trust-root-malformed'
  | 'trust-root-duplicate'
  | 'trust-root-quorum'
  | 'trust-root-chain'
  | 'policy-malformed'
  // Evidence
  | 'evidence-malformed'
  | 'evidence-artifact-mismatch'
  /** The log has a rebuild by who counts that the evidence leaves out, */
  | 'evidence-incomplete'
  /** or an entry that may be one and cannot be read. */
  | 'evidence-unread'
  | 'checkpoint-malformed'
  | 'checkpoint-origin-unknown'
  | 'checkpoint-signature'
  | 'checkpoint-key-retired'
  | 'checkpoint-unwitnessed'
  | 'duplicate-entry'
  | 'inclusion-proof'
  | 'artifact-mismatch';

export interface AttestErrorOptions extends ErrorOptions {
  /** Name of the verification step that refused, see `verifyEvidence`. */
  readonly step?: string;
  /** Path of the field that is wrong, where the caller handed in a request. */
  readonly field?: string;
}

/** The only error this library throws for what it was given; `code` is the stable part. */
export class AttestError extends Error {
  override readonly name = 'AttestError';
  readonly step: string | undefined;
  readonly field: string | undefined;

  constructor(
    readonly code: AttestErrorCode,
    message: string,
    options?: AttestErrorOptions,
  ) {
    super(message, options);
    this.step = options?.step;
    this.field = options?.field;
  }
}
