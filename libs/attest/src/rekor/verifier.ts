import { fromBase64, toBase64 } from '@touchstone/note';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { AttestError } from '../errors.js';
import { checkAlgorithm, entryAlgorithm, type EntryAlgorithm } from './algorithms.js';
import { MAX_CERTIFICATE_BYTES, readCertificate } from './certificate.js';
import { writePem } from './pem.js';
import { Remembered } from './remembered.js';
import { signerSearchKeys } from './signer-search-key.js';
import { MAX_SPKI_BYTES, readSpki, type EntryKey } from './spki.js';

const rawBytes = (max: number): z.ZodObject<{ rawBytes: z.ZodString }> =>
  z.strictObject({ rawBytes: base64Text(Math.ceil(max / 3) * 4).min(1) });

/** With what a signature of an entry verifies: Rekor v2's `Verifier`, JSON mapping. */
export const EntryVerifier = z.union([
  z.strictObject({
    /** DER SubjectPublicKeyInfo. */
    publicKey: rawBytes(MAX_SPKI_BYTES),
    keyDetails: z.string().max(64),
  }),
  z.strictObject({
    /** DER of the certificate whose key signed. */
    x509Certificate: rawBytes(MAX_CERTIFICATE_BYTES),
    keyDetails: z.string().max(64),
  }),
]);
export type EntryVerifier = z.infer<typeof EntryVerifier>;

/** A verifier, read: the key, how it signs, and whom a certificate names. */
export interface ReadVerifier {
  readonly key: EntryKey;
  readonly algorithm: EntryAlgorithm;
  readonly spki: Uint8Array;
  /** DER of the certificate, when it is one. */
  readonly certificate?: Uint8Array;
  readonly names: readonly string[];
  /** As Rekor v1 writes and searches it. */
  readonly pem: Uint8Array;
  /** Under which its entries are found. */
  readonly searchKeys: readonly string[];
}

/** Writers are few, and reading a key costs as much as a signature. Certificates mostly sign once. */
const keys = new Remembered<ReadVerifier>(1024);

/**
 * Reads the verifier that a request has at `field`.
 *
 * @throws AttestError `public-key-malformed`, `certificate-malformed`, `algorithm-unsupported`,
 * `algorithm-mismatch`
 */
export function readVerifier(verifier: EntryVerifier, field: string): ReadVerifier {
  try {
    if (!('publicKey' in verifier)) return read(verifier);
    const { keyDetails, publicKey } = verifier;
    return keys.get(`${keyDetails} ${publicKey.rawBytes}`, () => read(verifier));
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    throw new AttestError(error.code, `${field}: ${error.message}`, { cause: error, field });
  }
}

function read(verifier: EntryVerifier): ReadVerifier {
  const algorithm = entryAlgorithm(verifier.keyDetails);
  const certificate =
    'x509Certificate' in verifier ? fromBase64(verifier.x509Certificate.rawBytes) : undefined;
  const { spki, names } = certificate
    ? readCertificate(certificate)
    : { spki: publicKeyBytes(verifier), names: [] };
  const key = readSpki(spki);
  checkAlgorithm(algorithm, key);
  const block = certificate
    ? { label: 'CERTIFICATE', der: certificate }
    : { label: 'PUBLIC KEY', der: spki };
  const pem = writePem([block]);
  const searchKeys = signerSearchKeys(pem, names);
  return { key, algorithm, spki, names, pem, searchKeys, ...(certificate && { certificate }) };
}

function publicKeyBytes(verifier: EntryVerifier): Uint8Array {
  return 'publicKey' in verifier ? fromBase64(verifier.publicKey.rawBytes) : new Uint8Array();
}

/** The verifier of a bare public key. */
export function publicKeyVerifier(spki: Uint8Array, keyDetails: string): EntryVerifier {
  return { keyDetails, publicKey: { rawBytes: toBase64(spki) } };
}
