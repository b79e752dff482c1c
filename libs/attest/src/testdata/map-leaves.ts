import { createHash } from 'node:crypto';
import { testSigner } from '@touchstone/kit';
import { dsseEntryBody } from '../rekor/dsse-entry.js';
import { publicKeyVerifier } from '../rekor/verifier.js';

/** Who signs what these specs log, and the log itself. */
export const signer = testSigner();

export const hex = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** The leaf of an envelope with this payload. Its signature is looked at when it is logged, not here. */
export function leafOf(payload: Uint8Array): Uint8Array {
  const verifier = publicKeyVerifier(signer.publicKey.spki, 'PKIX_ED25519');
  return dsseEntryBody(payload, [{ content: 'c2ln', verifier }]);
}
