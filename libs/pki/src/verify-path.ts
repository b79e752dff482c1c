import { publicKeyFromSpki, type PublicKey } from '@touchstone/note';
import { readCertificate, type Certificate } from './certificate.js';
import { PkiError, type CertificateCode } from './errors.js';
import { hex } from './fields.js';
import { readRevocationList, type RevocationList } from './revocation-list.js';
import type { Role } from './roles.js';
import { isSignedBy, issuerKey } from './signed.js';

/** The signer's certificate, those between, and the root. */
const MAX_PATH = 8;
const SECOND_MS = 1000;
/** DER of a name without parts: 30 00. */
const EMPTY_NAME_SIZE = 2;

/** Bits of the key usage (RFC 5280 section 4.2.1.3), highest first. */
const USAGE = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

export interface PathOptions {
  /** Certificates in DER that are trusted for themselves. */
  readonly roots: readonly Uint8Array[];
  /** When the signature was made, as a log proves it. */
  readonly at: Date;
  /** Of which the signer must have one. */
  readonly roles: readonly Role[];
  /**
   * Revocation lists in DER. With one of them there must be one of every issuer in the path; with
   * none nobody is revoked.
   */
  readonly revocationLists?: readonly Uint8Array[];
}

export interface VerifiedPath {
  readonly publicKey: PublicKey;
  /** Of the signer, for people. */
  readonly identity: string;
  readonly role: Role;
  readonly serial: string;
}

/**
 * Validates the path of a signer's certificate to a root (RFC 5280 section 6.1), at the time of the
 * signature: signatures, names, validity, constraints, path lengths, key usage, critical extensions,
 * revocation; and keys of at least P-256, and a role that every issuer may give.
 *
 * @param chain in DER, the signer's first, each issued by the next; the root may be left out
 * @throws PkiError
 */
export function verifyPath(chain: readonly Uint8Array[], options: PathOptions): VerifiedPath {
  if (chain.length === 0 || chain.length > MAX_PATH) {
    throw new PkiError('certificate-chain-length', `a chain has 1 to ${MAX_PATH} certificates`);
  }
  const path = withRoot(chain.map(readCertificate), options.roots.map(readCertificate));
  const lists = (options.revocationLists ?? []).map(readRevocationList);
  const [signer] = path as [Certificate, ...Certificate[]];
  const role = roleOfSigner(signer, options.roles);
  for (const [depth, certificate] of path.entries()) {
    checkTime(certificate, options.at);
    if (depth > 0) checkAuthority(certificate, depth, role);
    const issuer = path[depth + 1];
    if (issuer === undefined) continue;
    checkIssued(certificate, issuer);
    if (lists.length > 0) checkRevocation(certificate, issuer, lists, options.at);
  }
  const publicKey = signerKey(signer);
  return { publicKey, identity: signer.subjectText, role, serial: signer.serial };
}

/** The path with its root at the end, which is ours and not the one that was handed in. */
function withRoot(chain: Certificate[], roots: readonly Certificate[]): Certificate[] {
  const at = chain.findIndex(({ der }) => roots.some((root) => hex(root.der) === hex(der)));
  if (at === 0) {
    throw new PkiError('certificate-constraints', 'a root signs certificates, not binaries');
  }
  if (at !== -1) {
    if (at !== chain.length - 1)
      throw new PkiError('certificate-chain', 'the chain goes on behind its root');
    return chain;
  }
  const last = chain.at(-1);
  const root = roots.find(
    ({ subject, subjectKeyId }) =>
      hex(subject) === hex(last?.issuer ?? subject.subarray(1)) &&
      (last?.authorityKeyId === undefined ||
        subjectKeyId === undefined ||
        last.authorityKeyId === subjectKeyId),
  );
  if (root !== undefined) return [...chain, root];
  throw new PkiError(
    'certificate-untrusted',
    `no root that is trusted issued ${last?.subjectText ?? ''}`,
  );
}

function roleOfSigner(signer: Certificate, wanted: readonly Role[]): Role {
  const { isAuthority, keyUsage = 0, roles = [], subjectText } = signer;
  if (isAuthority) {
    throw new PkiError(
      'certificate-constraints',
      `${subjectText} may issue certificates; it signs no binary`,
    );
  }
  // RFC 5280 section 4.2.1.3: keyCertSign is for authorities alone.
  if ((keyUsage & (USAGE.digitalSignature | USAGE.keyCertSign)) !== USAGE.digitalSignature) {
    throw new PkiError(
      'certificate-key-usage',
      `the key of ${subjectText} is not for signatures, or for certificates too`,
    );
  }
  const [role, second] = roles;
  if (role === undefined || second !== undefined || !wanted.includes(role)) {
    const has = roles.length === 0 ? 'no role' : roles.join(' and ');
    throw new PkiError(
      'certificate-role',
      `${subjectText} is ${has}; ${wanted.join(' or ')} was to sign`,
    );
  }
  return role;
}

function checkTime({ notBefore, notAfter, subjectText }: Certificate, at: Date): void {
  if (Number.isNaN(at.getTime())) {
    throw new PkiError('certificate-not-yet-valid', 'the time of the signature is no time');
  }
  const when = at.toISOString();
  // Both ends are whole seconds and inclusive (RFC 5280 section 4.1.2.5).
  if (at < notBefore) {
    throw new PkiError('certificate-not-yet-valid', `${subjectText} was not yet valid at ${when}`);
  }
  if (at.getTime() >= notAfter.getTime() + SECOND_MS) {
    throw new PkiError('certificate-expired', `${subjectText} was no longer valid at ${when}`);
  }
}

/** RFC 5280 section 6.1.4 (k) to (n), and that its purposes allow for the role. */
function checkAuthority(certificate: Certificate, depth: number, role: Role): void {
  const { isAuthority, pathLength, keyUsage = 0, roles, subjectText } = certificate;
  if (!isAuthority) {
    throw new PkiError('certificate-constraints', `${subjectText} may not issue certificates`);
  }
  // RFC 5280 section 4.1.2.6: what links a path are names.
  if (certificate.subject.length <= EMPTY_NAME_SIZE) {
    throw new PkiError('certificate-constraints', 'an authority without a name issues nothing');
  }
  if ((keyUsage & USAGE.keyCertSign) === 0) {
    throw new PkiError(
      'certificate-key-usage',
      `the key of ${subjectText} is not for certificates`,
    );
  }
  if (pathLength !== undefined && depth - 1 > pathLength) {
    const message = `below ${subjectText} stand ${depth - 1} authorities; ${pathLength} may`;
    throw new PkiError('certificate-path-length', message);
  }
  if (roles !== undefined && !roles.includes(role)) {
    throw new PkiError('certificate-role', `${subjectText} may not issue the role ${role}`);
  }
}

/** RFC 5280 section 6.1.3 (a) (1) and (4). */
function checkIssued(certificate: Certificate, issuer: Certificate): void {
  const { subjectText, authorityKeyId } = certificate;
  const key = issuerKey(issuer.spki, issuer.subjectText);
  const sameKey =
    authorityKeyId === undefined ||
    issuer.subjectKeyId === undefined ||
    authorityKeyId === issuer.subjectKeyId;
  if (hex(certificate.issuer) !== hex(issuer.subject) || !sameKey) {
    throw new PkiError(
      'certificate-chain',
      `${subjectText} was not issued by ${issuer.subjectText}`,
    );
  }
  if (!isSignedBy(certificate, key)) {
    const message = `${issuer.subjectText} did not sign the certificate of ${subjectText}`;
    throw new PkiError('certificate-signature', message);
  }
}

/**
 * RFC 5280 section 6.3, with the lists that are there. Who was revoked later has signed well
 * before, unless the key was compromised: then only a date since when says that it was good.
 */
function checkRevocation(
  { serial, subjectText }: Certificate,
  issuer: Certificate,
  lists: readonly RevocationList[],
  at: Date,
): void {
  const own = lists.filter((list) => hex(list.issuer) === hex(issuer.subject));
  if (own.length === 0) {
    throw new PkiError(
      'certificate-crl-missing',
      `there is no revocation list of ${issuer.subjectText}`,
    );
  }
  const key = issuerKey(issuer.spki, issuer.subjectText);
  const maySign = ((issuer.keyUsage ?? 0) & USAGE.crlSign) !== 0;
  if (!maySign || own.some((list) => !isSignedBy(list, key))) {
    const message = `a revocation list of ${issuer.subjectText} is not signed by it, or it may not sign one`;
    throw new PkiError('certificate-crl-signature', message);
  }
  for (const { revoked } of own) {
    const entry = revoked.get(serial);
    if (entry === undefined) continue;
    const since = entry.compromised
      ? (entry.invalidSince ?? new Date(0))
      : earlier(entry.at, entry.invalidSince);
    if (at < since) continue;
    const message = `${subjectText} was revoked at ${entry.at.toISOString()}${entry.compromised ? ': its key is known to others' : ''}`;
    throw new PkiError('certificate-revoked', message);
  }
  if (!own.some(({ nextUpdate }) => at <= nextUpdate)) {
    throw new PkiError(
      'certificate-crl-expired',
      `no revocation list of ${issuer.subjectText} reaches ${at.toISOString()}`,
    );
  }
}

function earlier(a: Date, b: Date | undefined): Date {
  return b !== undefined && b < a ? b : a;
}

function signerKey({ spki, subjectText }: Certificate): PublicKey {
  let key: PublicKey | undefined;
  try {
    key = publicKeyFromSpki(spki);
  } catch (cause) {
    throw new PkiError('certificate-curve', `the key of ${subjectText} is not on P-256`, { cause });
  }
  if (key.algorithm === 'ecdsa-p256-sha256') return key;
  throw new PkiError('certificate-curve', `the key of ${subjectText} is not on P-256`);
}

/** Answers instead of throwing; a judge of the certificates that stand beside signatures. */
export function certificateJudge(
  options: PathOptions,
): (chain: readonly Uint8Array[]) => VerifiedPath | { code: CertificateCode; message: string } {
  return (chain) => {
    try {
      return verifyPath(chain, options);
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      const { code, message } = error;
      if (code === 'trusted-root-malformed') throw error;
      return { code, message };
    }
  };
}
