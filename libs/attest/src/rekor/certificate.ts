import { bytesToHex } from '@noble/hashes/utils.js';
import { decodeUtf8 } from '@touchstone/note';
import { AttestError } from '../errors.js';
import { DER, derChildren, expectDer, readDer, type DerElement } from './der.js';

/** The largest certificate that is read. */
export const MAX_CERTIFICATE_BYTES = 16 * 1024;

/** What a log entry takes from a certificate: the key that signed, and whom it names. */
export interface CertificateView {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** E-mail addresses and URIs of the subjectAltName, in its order. */
  readonly names: readonly string[];
}

const SUBJECT_ALT_NAME = '551d11';
const EXPLICIT_VERSION = 0xa0;
const EXPLICIT_EXTENSIONS = 0xa3;
const RFC822_NAME = 0x81;
const URI = 0x86;
const MAX_NAMES = 64;

/**
 * Reads an X.509 certificate (RFC 5280 section 4.1) for its key and names. Who issued it, and
 * whether it was valid when it signed, is for verifiers to judge: the log keeps it as presented.
 *
 * @throws AttestError `certificate-malformed`
 */
export function readCertificate(der: Uint8Array): CertificateView {
  try {
    if (der.length > MAX_CERTIFICATE_BYTES) throw new Error(`over ${MAX_CERTIFICATE_BYTES} bytes`);
    const parts = derChildren(expectDer(readDer(der), DER.sequence, 'Certificate'));
    if (parts.length !== 3) throw new Error('it has not three parts');
    const fields = derChildren(expectDer(parts[0], DER.sequence, 'TBSCertificate'));
    if (fields[0]?.tag === EXPLICIT_VERSION) fields.shift();
    // serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    const spki = expectDer(fields[5], DER.sequence, 'subjectPublicKeyInfo').raw;
    const extensions = fields.find(({ tag }) => tag === EXPLICIT_EXTENSIONS);
    return { spki: new Uint8Array(spki), names: extensions ? namesIn(extensions) : [] };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttestError(
      'certificate-malformed',
      `the certificate is no DER of an X.509 certificate: ${why}`,
      { cause },
    );
  }
}

function namesIn(extensions: DerElement): string[] {
  const list = expectDer(derChildren(extensions)[0], DER.sequence, 'extensions');
  for (const extension of derChildren(list)) {
    const parts = derChildren(expectDer(extension, DER.sequence, 'extension'));
    const oid = expectDer(parts[0], DER.oid, 'extension');
    if (bytesToHex(oid.body) !== SUBJECT_ALT_NAME) continue;
    const value = expectDer(parts.at(-1), DER.octetString, 'subjectAltName');
    const names = derChildren(expectDer(readDer(value.body), DER.sequence, 'subjectAltName'));
    return names
      .filter(({ tag }) => tag === RFC822_NAME || tag === URI)
      .slice(0, MAX_NAMES)
      .map(({ body }) => decodeUtf8(body));
  }
  return [];
}
