import {
  DER,
  derBits,
  derChildren,
  derPositive,
  expectDer,
  readDer,
  type DerElement,
} from '@touchstone/attest';
import { PkiError } from './errors.js';
import {
  elementOf,
  extensionsOf,
  hex,
  nameText,
  reading,
  timeOf,
  type Extensions,
} from './fields.js';
import { roleOf, type Role } from './roles.js';

const MAX_CERTIFICATE_BYTES = 16 * 1024;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const MAX_SERIAL_BYTES = 20;

const OID = {
  keyUsage: '551d0f',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
  subjectKeyId: '551d0e',
  authorityKeyId: '551d23',
  subjectAltName: '551d11',
  crlDistributionPoints: '551d1f',
  nameConstraints: '551d1e',
  policyConstraints: '551d24',
  certificatePolicies: '551d20',
} as const;

/** Extensions that are understood, or that RFC 5280 lets a verifier pass over when not critical. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.keyUsage,
  OID.basicConstraints,
  OID.extendedKeyUsage,
]);

/** Those that narrow down what may be issued; what is not processed must not be passed over. */
const NARROWING: ReadonlySet<string> = new Set([OID.nameConstraints, OID.policyConstraints]);

/** A certificate of which nothing is believed yet. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly tbs: Uint8Array;
  /** Hex, without the sign byte. */
  readonly serial: string;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly subjectText: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Hex of the body of the algorithm's OID. */
  readonly algorithm: string;
  readonly signature: Uint8Array;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  /** Bits of the key usage, highest first; undefined when it is absent. */
  readonly keyUsage: number | undefined;
  /** Undefined when the certificate names no purposes. */
  readonly roles: readonly Role[] | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
}

/**
 * Reads an X.509 v3 certificate (RFC 5280 section 4.1), strictly in DER.
 *
 * @throws PkiError `certificate-malformed`, `certificate-extension`, `certificate-algorithm`
 */
export function readCertificate(der: Uint8Array): Certificate {
  return reading('certificate-malformed', 'the certificate', () => {
    if (der.length > MAX_CERTIFICATE_BYTES)
      throw new RangeError(`over ${MAX_CERTIFICATE_BYTES} bytes`);
    const parts = derChildren(expectDer(readDer(der), DER.sequence, 'Certificate'));
    if (parts.length !== 3) throw new RangeError('it has not three parts');
    const tbs = expectDer(parts[0], DER.sequence, 'TBSCertificate');
    const algorithm = expectDer(parts[1], DER.sequence, 'signatureAlgorithm');
    const [version, serial, inner, issuer, validity, subject, spki, ...rest] = derChildren(tbs);
    const isThird = version?.tag === VERSION && hex(version.body) === '020102';
    if (!isThird) throw new RangeError('it is of another version than 3');
    if (rest.length !== 1 || rest[0]?.tag !== EXTENSIONS)
      throw new RangeError('it has no extensions, or more');
    // RFC 5280 section 4.1.1.2: what is signed says the same as what is not.
    if (hex(expectDer(inner, DER.sequence, 'signature').raw) !== hex(algorithm.raw)) {
      throw new PkiError('certificate-algorithm', 'the certificate names two signature algorithms');
    }
    const times = derChildren(expectDer(validity, DER.sequence, 'validity'));
    if (times.length !== 2) throw new RangeError('its validity has not two ends');
    const list = derChildren(rest[0])[0];
    return {
      ...{ der, tbs: tbs.raw },
      serial: serialOf(derPositive(serial, 'serialNumber')),
      issuer: expectDer(issuer, DER.sequence, 'issuer').raw,
      subject: expectDer(subject, DER.sequence, 'subject').raw,
      subjectText: nameText(expectDer(subject, DER.sequence, 'subject')),
      notBefore: timeOf(times[0]),
      notAfter: timeOf(times[1]),
      spki: new Uint8Array(expectDer(spki, DER.sequence, 'subjectPublicKeyInfo').raw),
      algorithm: algorithmOf(algorithm),
      signature: derBits(parts[2], 'signatureValue'),
      ...viewExtensions(extensionsOf(expectDer(list, DER.sequence, 'extensions'))),
    };
  });
}

function serialOf(bytes: Uint8Array): string {
  if (bytes.length > MAX_SERIAL_BYTES) throw new RangeError('its serial number is over 20 bytes');
  return hex(bytes);
}

/** Of an AlgorithmIdentifier of ECDSA, which has no parameters (RFC 5758 section 3.2). */
export function algorithmOf(identifier: DerElement): string {
  const [oid, ...parameters] = derChildren(identifier);
  if (parameters.length > 0) {
    throw new PkiError('certificate-algorithm', 'the signature algorithm is not ECDSA');
  }
  return hex(expectDer(oid, DER.oid, 'signatureAlgorithm').body);
}

function viewExtensions(
  extensions: Extensions,
): Pick<
  Certificate,
  'isAuthority' | 'pathLength' | 'keyUsage' | 'roles' | 'subjectKeyId' | 'authorityKeyId'
> {
  for (const [oid, { critical }] of extensions) {
    if ((critical && !UNDERSTOOD.has(oid)) || NARROWING.has(oid)) {
      throw new PkiError('certificate-extension', `the extension ${oid} is not understood`);
    }
  }
  return {
    ...constraintsOf(extensions),
    keyUsage: keyUsageOf(extensions),
    roles: rolesOf(extensions),
    ...keyIdsOf(extensions),
  };
}

function constraintsOf(extensions: Extensions): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  const extension = extensions.get(OID.basicConstraints);
  if (extension === undefined) return { isAuthority: false, pathLength: undefined };
  const [flag, length, ...rest] = derChildren(
    elementOf(extension, DER.sequence, 'basicConstraints'),
  );
  if (flag === undefined) return { isAuthority: false, pathLength: undefined };
  if (flag.tag !== DER.boolean || hex(flag.body) !== 'ff' || rest.length > 0) {
    throw new RangeError('its basicConstraints are not in DER');
  }
  if (length === undefined) return { isAuthority: true, pathLength: undefined };
  const { body } = expectDer(length, DER.integer, 'pathLenConstraint');
  if (body.length !== 1 || (body[0] ?? 0xff) > 0x7f)
    throw new RangeError('its path length is no small number');
  return { isAuthority: true, pathLength: body[0] };
}

function keyUsageOf(extensions: Extensions): number | undefined {
  const extension = extensions.get(OID.keyUsage);
  if (extension === undefined) return undefined;
  const { body } = elementOf(extension, DER.bitString, 'keyUsage');
  if (body.length < 2 || body.length > 3) throw new RangeError('its keyUsage is no list of bits');
  return body[1];
}

function rolesOf(extensions: Extensions): Role[] | undefined {
  const extension = extensions.get(OID.extendedKeyUsage);
  if (extension === undefined) return undefined;
  const purposes = derChildren(elementOf(extension, DER.sequence, 'extKeyUsage'));
  return purposes.flatMap((purpose) => {
    const role = roleOf(hex(expectDer(purpose, DER.oid, 'a purpose').body));
    return role === undefined ? [] : [role];
  });
}

const KEY_IDENTIFIER = 0x80;

function keyIdsOf(extensions: Extensions): Pick<Certificate, 'subjectKeyId' | 'authorityKeyId'> {
  const [own, authority] = [extensions.get(OID.subjectKeyId), extensions.get(OID.authorityKeyId)];
  const named =
    authority === undefined
      ? undefined
      : derChildren(elementOf(authority, DER.sequence, 'authorityKeyIdentifier')).find(
          ({ tag }) => tag === KEY_IDENTIFIER,
        );
  return {
    subjectKeyId: own && hex(elementOf(own, DER.octetString, 'subjectKeyIdentifier').body),
    authorityKeyId: named && hex(named.body),
  };
}
