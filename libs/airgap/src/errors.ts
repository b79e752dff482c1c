/** Every way in which this library refuses. Closed: callers may switch over it exhaustively. */
export type AirgapErrorCode =
  // The container
  | 'bundle-malformed'
  | 'bundle-order'
  | 'bundle-count'
  | 'bundle-truncated'
  | 'bundle-digest'
  | 'bundle-limit'
  // Whether it is for this site, and follows what the site has
  | 'wrong-site'
  | 'wrong-origin'
  | 'base-mismatch'
  | 'rollback'
  | 'fork'
  // What it proves
  | 'trust-root'
  | 'checkpoint'
  | 'exporter-signature'
  | 'root-mismatch'
  | 'entry-malformed'
  | 'entry-signature'
  | 'attestation-mismatch'
  | 'artifact-mismatch'
  // Slips: what one QR code holds
  | 'slip-malformed'
  | 'slip-too-large'
  // What an exporter is asked for
  | 'plan'
  // Parts
  | 'part-malformed'
  | 'part-mixed'
  | 'part-digest'
  | 'part-missing'
  // The archive around it
  | 'archive-malformed'
  // Acknowledgements
  | 'acknowledgement-malformed'
  | 'acknowledgement-signature'
  | 'acknowledgement-gap'
  | 'acknowledgement-fork';

/** Two signed checkpoints of one log that no tree can both have. */
export interface ForkProof {
  readonly ours: string;
  readonly theirs: string;
}

/** The only error this library throws for what it was given; `code` is the stable part. */
export class AirgapError extends Error {
  override readonly name = 'AirgapError';
  /** With code `fork`. */
  readonly fork: ForkProof | undefined;

  constructor(
    readonly code: AirgapErrorCode,
    message: string,
    options?: ErrorOptions & { readonly fork?: ForkProof },
  ) {
    super(message, options);
    this.fork = options?.fork;
  }
}
