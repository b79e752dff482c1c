import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate,
  X509CrlGenerator,
  X509CrlReason,
  type Extension,
} from '@peculiar/x509';
import { readCertificate } from './certificate.js';
import { roleOid, type Role } from './roles.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A P-256 key that issues, and its certificate in DER. */
export interface Authority {
  readonly certificate: Uint8Array;
  /** PKCS#8 in PEM. */
  readonly key: string;
}

export interface NewCertificate {
  /** Common name, and organisation when there is one. */
  readonly name: string;
  readonly organisation?: string;
  /** DER SubjectPublicKeyInfo, of a key in a file or in an ATECC608. */
  readonly spki: Uint8Array;
  /** 1 to 20 bytes, of which the first is between 1 and 127. */
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Issues to who signs binaries or statements, in one role. */
export async function issueCertificate(
  authority: Authority,
  certificate: NewCertificate,
  role: Role,
): Promise<Uint8Array> {
  return issue(authority, certificate, [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([roleOid(role)], true),
  ]);
}

export interface AuthorityConstraints {
  /** How many authorities may stand below it. */
  readonly pathLength?: number;
  /** The only roles that may be issued below it; all when left out. */
  readonly roles?: readonly Role[];
}

/** Issues to an authority below this one. */
export async function issueAuthority(
  authority: Authority,
  certificate: NewCertificate,
  constraints: AuthorityConstraints = {},
): Promise<Uint8Array> {
  return issue(authority, certificate, authorityExtensions(constraints));
}

/** A root: it is issued by itself. */
export async function issueRoot(
  key: string,
  certificate: NewCertificate,
  constraints: AuthorityConstraints = {},
): Promise<Uint8Array> {
  return sign(key, certificate, undefined, authorityExtensions(constraints));
}

function authorityExtensions({ pathLength, roles }: AuthorityConstraints): Extension[] {
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ...(roles === undefined ? [] : [new ExtendedKeyUsageExtension(roles.map(roleOid), true)]),
  ];
}

async function issue(
  authority: Authority,
  certificate: NewCertificate,
  extensions: Extension[],
): Promise<Uint8Array> {
  return sign(authority.key, certificate, new X509Certificate(authority.certificate), extensions);
}

async function sign(
  key: string,
  certificate: NewCertificate,
  issuer: X509Certificate | undefined,
  extensions: Extension[],
): Promise<Uint8Array> {
  const { name, organisation, spki, serial, notBefore, notAfter } = certificate;
  const subject = [{ CN: [name] }, ...(organisation === undefined ? [] : [{ O: [organisation] }])];
  const publicKey = await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']);
  // Its declaration speaks of the DOM's CryptoKey, which is not declared here.
  const issuerKey =
    issuer === undefined
      ? publicKey
      : ((await issuer.publicKey.export(webcrypto)) as webcrypto.CryptoKey);
  const made = await X509CertificateGenerator.create(
    {
      ...{ subject, issuer: issuer?.subjectName.toJSON() ?? subject, publicKey },
      ...{ notBefore, notAfter, signingAlgorithm: ALGORITHM },
      serialNumber: Buffer.from(serial).toString('hex'),
      signingKey: await importKey(key),
      extensions: [
        ...extensions,
        await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(issuerKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const der = new Uint8Array(made.rawData);
  // What would not be read back is not handed out.
  readCertificate(der);
  return der;
}

export interface Revocation {
  /** Hex. */
  readonly serial: string;
  readonly at: Date;
  readonly compromised: boolean;
}

/** A revocation list of an authority, in DER. */
export async function issueRevocationList(
  { certificate, key }: Authority,
  revoked: readonly Revocation[],
  thisUpdate: Date,
  nextUpdate: Date,
): Promise<Uint8Array> {
  const issuer = new X509Certificate(certificate);
  const list = await X509CrlGenerator.create(
    {
      issuer: issuer.subjectName.toJSON(),
      ...{ thisUpdate, nextUpdate, signingAlgorithm: ALGORITHM },
      signingKey: await importKey(key),
      entries: revoked.map(({ serial, at, compromised }) => ({
        serialNumber: serial,
        revocationDate: at,
        reason: compromised ? X509CrlReason.keyCompromise : X509CrlReason.cessationOfOperation,
      })),
      extensions: [
        await AuthorityKeyIdentifierExtension.create(
          await issuer.publicKey.export(webcrypto),
          false,
          webcrypto,
        ),
      ],
    },
    webcrypto,
  );
  return new Uint8Array(list.rawData);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const base64 = pem.replaceAll(/-----[A-Z ]+-----|\s/g, '');
  return webcrypto.subtle.importKey('pkcs8', Buffer.from(base64, 'base64'), ALGORITHM, false, [
    'sign',
  ]);
}
