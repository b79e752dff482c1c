import {
  Atecc608Error,
  compressCertificate,
  DEVICE_PLACEHOLDER,
  templateOfCertificate,
  type CertificateTemplate,
} from '@touchstone/atecc608';
import { generateKey } from '@touchstone/keys';
import { issueCertificate, PkiError, verifyPath } from '@touchstone/pki';
import { CliError, EXIT } from '../failure.js';

/**
 * Certificates of the role device, from an authority of `touchstone pki`, that fit 72 bytes in a chip.
 *
 * Such a certificate differs from every other of its authority only where the 72 bytes say it or the chip
 * knows it: key and chip's serial number (subject `CN=sn…, O=organisation`), beginning at a whole hour, no
 * end, and a serial number that is the hash of the key and the beginning, cut to 16 bytes. All the rest
 * is the authority's template: a certificate issued to a key that is thrown away, whose fields of that
 * kind are filled in from the 72 bytes.
 */

const BEGIN = new Date(Date.UTC(2000, 0, 1));
/** RFC 5280 section 4.1.2.5: no end that is known. */
const NEVER = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));

/** @param issuer DER of the authority's certificate @throws PkiError, Atecc608Error */
export async function deviceTemplateOf(
  issuer: Uint8Array,
  organisation: string,
): Promise<CertificateTemplate> {
  const placeholder = generateKey('ecdsa-p256-sha256');
  const serial = new Uint8Array(16);
  serial[0] = 0x40;
  const der = await issueCertificate(
    { certificate: issuer, key: placeholder.toPem() },
    {
      ...{ name: DEVICE_PLACEHOLDER, organisation, spki: placeholder.publicKey.spki },
      ...{ serial, notBefore: BEGIN, notAfter: NEVER },
    },
    'device',
  );
  return templateOfCertificate(der);
}

/**
 * The 72 bytes of a certificate of a PKI.
 *
 * @throws CliError `certificate-not-compressible` for one that they cannot say
 */
export async function compressPkiCertificate(
  der: Uint8Array,
  issuer: Uint8Array,
  organisation: string,
): Promise<Uint8Array> {
  try {
    return compressCertificate(await deviceTemplateOf(issuer, organisation), der);
  } catch (cause) {
    if (!(cause instanceof Atecc608Error)) throw cause;
    throw new CliError(
      'certificate-not-compressible',
      `72 bytes cannot say this certificate: ${cause.message}`,
      EXIT.refuted,
      { cause },
    );
  }
}

/**
 * That the authority, by the chain it has, may give this certificate to a device: asked before anything is
 * written for good.
 *
 * @throws CliError with the code of PkiError
 */
export function requireDevicePath(
  certificates: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  at: Date,
  revocationLists: readonly Uint8Array[] = [],
): void {
  try {
    verifyPath(certificates, { roots, at, roles: ['device'], revocationLists });
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new CliError(cause.code, cause.message, EXIT.refuted, { cause });
  }
}
