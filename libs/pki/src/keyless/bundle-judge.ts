import { createHash } from 'node:crypto';
import { bundleFromJSON, ValidationError, type Bundle } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import { PolicyError, VerificationError, Verifier, type TrustMaterial } from '@sigstore/verify';
import { signedEntity } from './signed-entity.js';
import { trustMaterial } from './trust-material.js';

/** Whom a certificate authority saw, as a Fulcio-like one writes it into its certificates. */
export interface KeylessSigner {
  /** Of the token: the OIDC issuer (1.3.6.1.4.1.57264.1.8, or the older .1). */
  readonly issuer: string;
  /** The subjectAltName: an e-mail address or a URI. */
  readonly subject: string;
  /** When the signature was logged, or stamped: the earliest time that is proven. */
  readonly time: Date;
}

/** What a bundle signs: a file by its digest, or the payload of an envelope. */
export type SignedByBundle =
  | { readonly kind: 'file'; readonly sha256: string }
  | { readonly kind: 'envelope'; readonly payloadType: string; readonly payload: Uint8Array };

export interface BundleRefusal {
  readonly code: 'bundle-malformed' | 'bundle-invalid' | 'bundle-subject-mismatch';
  readonly message: string;
}

export type JudgedBundle =
  { readonly signer: KeylessSigner; readonly signed: SignedByBundle } | BundleRefusal;

/** @param find bytes of the file that has this SHA-256 in hex, when the asker has it */
export type BundleJudge = (
  bundle: unknown,
  find: (sha256: string) => Uint8Array | undefined,
) => JudgedBundle;

/**
 * Judges Sigstore bundles that were signed by a certificate ("keyless"), offline: the certificate
 * leads to an authority of the trusted root and was valid at a time that a log or a timestamp
 * authority of that root signed; a log of it holds the entry; the signature is over what is there.
 * A trusted root that names certificate logs asks for a signed certificate timestamp too; a private
 * authority without such logs has none.
 *
 * @param trustedRoot `TrustedRoot` of sigstore's protobuf-specs as parsed JSON
 * @throws PkiError `trusted-root-malformed`
 */
export function bundleJudge(trustedRoot: unknown): BundleJudge {
  const trust = trustMaterial(trustedRoot);
  const verifier = new Verifier(trust, {
    tlogThreshold: 1,
    timestampThreshold: 1,
    ctlogThreshold: trust.ctlogs.length > 0 ? 1 : 0,
  });
  return (value, find) => {
    try {
      return judge(bundleFromJSON(value), { trust, verifier }, find);
    } catch (error) {
      // Its parsers throw whatever their input makes them throw; none of it may count as good.
      if (isRefusal(error)) return { code: 'bundle-invalid', message: causes(error) };
      const said = error instanceof ValidationError ? causes(error) : UNREADABLE;
      return { code: 'bundle-malformed', message: said };
    }
  };
}

function judge(
  bundle: Bundle,
  by: { trust: TrustMaterial; verifier: Verifier },
  find: (sha256: string) => Uint8Array | undefined,
): JudgedBundle {
  if (bundle.verificationMaterial.content.$case === 'publicKey') {
    return { code: 'bundle-invalid', message: 'it is signed by a bare key, which names nobody' };
  }
  const { content } = bundle;
  let signed: SignedByBundle;
  let artifact: Buffer | undefined;
  if (content.$case === 'messageSignature') {
    const { algorithm, digest } = content.messageSignature.messageDigest;
    if (algorithm !== HashAlgorithm.SHA2_256) {
      return { code: 'bundle-malformed', message: 'it is over another digest than SHA-256' };
    }
    const sha256 = digest.toString('hex');
    const file = find(sha256);
    if (file === undefined || createHash('sha256').update(file).digest('hex') !== sha256) {
      const message = `it signs sha256:${sha256}, which is no module or component of the file`;
      return { code: 'bundle-subject-mismatch', message };
    }
    artifact = Buffer.from(file);
    signed = { kind: 'file', sha256 };
  } else {
    const { payloadType, payload, signatures } = content.dsseEnvelope;
    // The library checks the first signature alone.
    if (signatures.length !== 1) {
      return { code: 'bundle-malformed', message: 'its envelope has not one signature' };
    }
    signed = { kind: 'envelope', payloadType, payload: new Uint8Array(payload) };
  }
  const entity = signedEntity(bundle, by.trust, artifact);
  const { identity } = by.verifier.verify(entity);
  const issuer = identity?.extensions?.issuer;
  const subject = identity?.subjectAlternativeName;
  if (issuer === undefined || subject === undefined) {
    return { code: 'bundle-invalid', message: 'its certificate names no issuer or no subject' };
  }
  return { signer: { issuer, subject, time: earliest(entity) }, signed };
}

/** Of the times that the verifier has checked: a log's counts with its promise alone. */
function earliest({ timestamps }: ReturnType<typeof signedEntity>): Date {
  const times = timestamps.flatMap((each) => {
    if (each.$case === 'timestamp-authority') return [each.timestamp.signingTime.getTime()];
    const { inclusionPromise, integratedTime } = each.tlogEntry;
    return inclusionPromise === undefined ? [] : [Number(integratedTime) * 1000];
  });
  return new Date(Math.min(...times));
}

/** In place of what a parser says that ran into something that is not there. */
const UNREADABLE = 'it cannot be read: a field is missing, or is not what its version asks for';

function isRefusal(error: unknown): error is VerificationError | PolicyError {
  return error instanceof VerificationError || error instanceof PolicyError;
}

function causes(error: Error): string {
  if (error instanceof ValidationError) return `${error.message}: ${error.fields.join(', ')}`;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
