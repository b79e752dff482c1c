import { p256 } from '@noble/curves/nist.js';

/**
 * An ECDSA P-256 signature as r ‖ s, 64 bytes (what COSE, JOSE and an ATECC608 speak), in the DER
 * that {@link SignatureVerifier} takes. Undefined when r or s is no scalar of the curve.
 */
export function ecdsaDerFromRaw(raw: Uint8Array): Uint8Array | undefined {
  try {
    return p256.Signature.fromBytes(raw, 'compact').toBytes('der');
  } catch {
    return undefined;
  }
}

/** The way back; undefined when the bytes are no DER of a signature over P-256. */
export function ecdsaRawFromDer(der: Uint8Array): Uint8Array | undefined {
  try {
    return p256.Signature.fromBytes(der, 'der').toBytes('compact');
  } catch {
    return undefined;
  }
}
