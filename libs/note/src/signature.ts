/**
 * Signatures as every floor above speaks of them.
 *
 * Core code never owns a private key and never picks an implementation: services pass
 * node:crypto (libs/keys), browsers WebCrypto, and `nobleVerifier` works everywhere.
 */

/** The algorithms Touchstone signs with. `ecdsa-p256-sha256` is the only one an ATECC608 can check. */
export type SignatureAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';

export interface PublicKey {
  readonly algorithm: SignatureAlgorithm;
  /** DER SubjectPublicKeyInfo (RFC 5280 section 4.1), 44 bytes for Ed25519, 91 for P-256. */
  readonly spki: Uint8Array;
}

/**
 * Answers whether `signature` over `message` was made by `key`. Never throws: bytes that are no
 * signature at all are simply not valid. Ed25519 signatures are 64 bytes (RFC 8032), ECDSA ones
 * ASN.1 DER (RFC 3279 section 2.2.3).
 */
export type SignatureVerifier = (
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** Signs with a private key that stays behind this interface. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
