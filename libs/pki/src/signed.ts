import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { derChildren, DER, expectDer, readDer } from '@touchstone/attest';
import { PkiError } from './errors.js';
import { hex, reading } from './fields.js';

/** ECDSA with a hash (RFC 5758 section 3.2), by the hex of the OID's body. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);

const EC_PUBLIC_KEY = '2a8648ce3d0201';

/** Curves of at least the strength of P-256 (RFC 5480 section 2.1.1.1). */
const CURVES: ReadonlySet<string> = new Set(['2a8648ce3d030107', '2b81040022', '2b81040023']);

/**
 * The key of whoever issues.
 *
 * @throws PkiError `certificate-curve`, `certificate-malformed`
 */
export function issuerKey(spki: Uint8Array, whose: string): KeyObject {
  const [algorithm, curve] = reading('certificate-malformed', 'the public key', () => {
    const [identifier] = derChildren(
      expectDer(readDer(spki), DER.sequence, 'subjectPublicKeyInfo'),
    );
    const parts = derChildren(expectDer(identifier, DER.sequence, 'its algorithm'));
    return parts.map(({ tag, body }) => (tag === DER.oid ? hex(body) : ''));
  });
  if (algorithm !== EC_PUBLIC_KEY || !CURVES.has(curve ?? '')) {
    throw new PkiError('certificate-curve', `the key of ${whose} is on no curve of at least P-256`);
  }
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new PkiError('certificate-malformed', `the key of ${whose} is none`, { cause });
  }
}

export interface Signed {
  readonly tbs: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

/** Whether `key` signed. @throws PkiError `certificate-algorithm` */
export function isSignedBy({ tbs, algorithm, signature }: Signed, key: KeyObject): boolean {
  const hash = HASHES.get(algorithm);
  if (hash === undefined) {
    throw new PkiError(
      'certificate-algorithm',
      `the signature algorithm ${algorithm} is not taken`,
    );
  }
  try {
    return verify(hash, tbs, { key, dsaEncoding: 'der' }, signature);
  } catch {
    return false;
  }
}
