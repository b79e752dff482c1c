/** Every way in which certificates are refused. Closed; each code has one meaning. */
export type CertificateCode =
  | 'certificate-malformed'
  /** No certificates, or more than a path may have. */
  | 'certificate-chain-length'
  /** The issuer that a certificate names is not the one that follows it. */
  | 'certificate-chain'
  /** The path ends at no root that is trusted. */
  | 'certificate-untrusted'
  | 'certificate-signature'
  /** Signed with something else than ECDSA over SHA-256, SHA-384 or SHA-512. */
  | 'certificate-algorithm'
  /** A key that is on no curve of at least P-256, or not on P-256 where a binary is signed. */
  | 'certificate-curve'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  /** A certificate that may not issue others does, or one that may is to sign a binary. */
  | 'certificate-constraints'
  | 'certificate-path-length'
  | 'certificate-key-usage'
  | 'certificate-role'
  /** An extension that stands there twice, or a critical one that is not understood. */
  | 'certificate-extension'
  | 'certificate-revoked'
  | 'certificate-crl-malformed'
  | 'certificate-crl-missing'
  | 'certificate-crl-signature'
  /** No list of this issuer was still good at the time in question. */
  | 'certificate-crl-expired';

/** And what else is handed in: Sigstore's logs and authorities, whose bundles are believed. */
export type PkiErrorCode = CertificateCode | 'trusted-root-malformed';

/** The only error this library throws for what it was given; `code` is the stable part. */
export class PkiError extends Error {
  override readonly name = 'PkiError';

  constructor(
    readonly code: PkiErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
