import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** The issuer of the token, as Fulcio writes it: 1.3.6.1.4.1.57264.1.8, a UTF8String. */
const ISSUER_OID = '1.3.6.1.4.1.57264.1.8';
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const SECOND = 1000;

/** A certificate for ten minutes, and the key that it is for. */
export interface KeylessCertificate {
  readonly pem: string;
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
}

/** An authority that writes identities into certificates of ten minutes, as Fulcio does. */
export class Fulcio {
  private constructor(
    readonly certificate: X509Certificate,
    readonly key: webcrypto.CryptoKey,
  ) {}

  static async create(name: string): Promise<Fulcio> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: '01',
        ...{ name: `CN=${name}`, keys, signingAlgorithm: ALGORITHM },
        notBefore: new Date(Date.now() - 3_600 * SECOND),
        notAfter: new Date(Date.now() + 3_600 * SECOND),
        extensions: [
          new BasicConstraintsExtension(true, 0, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return new Fulcio(certificate, keys.privateKey);
  }

  /** @param from when it begins to be valid, in seconds from now */
  async issue(issuer: string, subject: string, from = -60): Promise<KeylessCertificate> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const begin = Date.now() + from * SECOND;
    const authority = (await this.certificate.publicKey.export(webcrypto)) as webcrypto.CryptoKey;
    const text = Buffer.from(issuer);
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: '02',
        ...{ subject: '', issuer: this.certificate.subject, publicKey: keys.publicKey },
        ...{ signingKey: this.key, signingAlgorithm: ALGORITHM },
        notBefore: new Date(begin),
        notAfter: new Date(begin + 600 * SECOND),
        extensions: [
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([CODE_SIGNING]),
          new SubjectAlternativeNameExtension([{ type: 'url', value: subject }], true),
          new Extension(ISSUER_OID, false, Uint8Array.of(0x0c, text.length, ...text)),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await AuthorityKeyIdentifierExtension.create(authority, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return {
      pem: certificate.toString('pem'),
      sign: async (message) =>
        derSignature(
          new Uint8Array(await webcrypto.subtle.sign(ALGORITHM, keys.privateKey, message)),
        ),
    };
  }

  /** As an authority of Sigstore's trusted root. */
  trusted(): object {
    const rawBytes = Buffer.from(this.certificate.rawData).toString('base64');
    return {
      subject: { organization: 'test', commonName: this.certificate.subject },
      uri: 'https://fulcio.example.test',
      certChain: { certificates: [{ rawBytes }] },
      validFor: { start: this.certificate.notBefore.toISOString() },
    };
  }
}

/** r and s of 32 bytes each as Ecdsa-Sig-Value (RFC 3279 section 2.2.3). */
function derSignature(raw: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array): number[] => {
    const start = bytes.findIndex((byte) => byte !== 0);
    const digits = [...bytes.subarray(start)];
    if ((digits[0] ?? 0) >= 0x80) digits.unshift(0);
    return [0x02, digits.length, ...digits];
  };
  const body = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))];
  return Uint8Array.of(0x30, body.length, ...body);
}
