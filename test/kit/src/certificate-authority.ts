import { generateKeyPairSync, sign, type KeyPairKeyObjectResult } from 'node:crypto';
import { initializeCA } from '@sigstore/mock';

type Authority = Awaited<ReturnType<typeof initializeCA>>;
/** Whoever logs certificates, in the form that the mock asks for. */
export type CertificateLog = NonNullable<Parameters<typeof initializeCA>[1]>;
type Extensions = NonNullable<Parameters<Authority['issueCertificate']>[0]['extensions']>;

/** Of what Fulcio writes into certificates; 8 is the issuer of the token. */
export const FULCIO_OID = '1.3.6.1.4.1.57264.1.';

/** A certificate for ten minutes, and the key that it is for. */
export interface KeylessCertificate {
  /** DER. */
  readonly certificate: Buffer;
  readonly pem: string;
  /** ECDSA P-256 with SHA-256, in DER. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** An authority that writes identities into certificates of ten minutes, as Fulcio does. */
export class CertificateAuthority {
  private constructor(
    private readonly key: KeyPairKeyObjectResult,
    private readonly log: CertificateLog | undefined,
    private readonly authority: Authority,
  ) {}

  static async start(log?: CertificateLog): Promise<CertificateAuthority> {
    const key = newKey('P-384');
    return new CertificateAuthority(key, log, await initializeCA(key, log));
  }

  /**
   * @param subject a URL, which becomes the alternative name
   * @param from when it begins to be valid, in seconds from now
   */
  async issue(subject: string, extensions: Extensions, from = 0): Promise<KeylessCertificate> {
    const { publicKey, privateKey } = newKey('P-256');
    const begin = new Date(Date.now() + from * 1000);
    // The same authority by name and key, whose clock is another.
    const authority = from === 0 ? this.authority : await initializeCA(this.key, this.log, begin);
    const certificate = await authority.issueCertificate({
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
      ...{ subjectAltName: subject, extensions },
    });
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return {
      certificate,
      pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
      sign: (message) => sign('sha256', message, privateKey),
    };
  }

  /** As an authority of Sigstore's trusted root. */
  trusted(): object {
    const rawBytes = this.authority.rootCertificate.toString('base64');
    return {
      subject: { commonName: 'sigstore', organization: 'sigstore.mock' },
      uri: 'https://fulcio.sigstore.mock',
      certChain: { certificates: [{ rawBytes }] },
      validFor: { start: new Date(Date.now() - 3_600_000).toISOString() },
    };
  }
}

export function newKey(namedCurve: string): KeyPairKeyObjectResult {
  return generateKeyPairSync('ec', { namedCurve });
}
