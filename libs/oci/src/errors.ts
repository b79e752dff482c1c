export type OciErrorCode =
  /** Not a name that a registry could have. */
  | 'reference-malformed'
  /** The address, or a scheme, is one that nothing is asked of. */
  | 'address-not-allowed'
  /** A registry that sends us elsewhere than we would go, or into somebody's hands. */
  | 'redirect-refused'
  | 'challenge-refused'
  /** 401 or 403 in spite of what we know. */
  | 'denied'
  | 'not-found'
  /** The network, or an answer of 5xx or 429, after all attempts. */
  | 'unreachable'
  /** An answer that the specification does not know. */
  | 'answer-unexpected'
  | 'digest-mismatch'
  | 'too-large'
  | 'manifest-malformed'
  | 'layout-malformed'
  | 'aborted';

export class OciError extends Error {
  override readonly name = 'OciError';
  constructor(
    readonly code: OciErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
