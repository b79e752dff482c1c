import { toBase64 } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { AttestError } from '../errors.js';
import { signedBytesRequest, type EnvelopeRequest } from '../log-entry.js';
import { hashedRekordBody } from '../rekor/hashedrekord.js';
import type { CoseSignature, VerifiedCose } from './cose-sign.js';

/**
 * How a verified COSE_Sign is logged: each signature by itself, as `hashedrekord` over the SHA-256 of
 * its Sig_structure (RFC 9052 section 4.4), ECDSA in DER as Rekor has it. A Sig_structure holds
 * headers and payload, so its place in a log is that of the statement too.
 *
 * EdDSA (RFC 9053 section 2.2) signs the whole structure. Rekor's registry of algorithms takes
 * Ed25519ph over a digest, which is another signature, and Ed25519 itself in `dsse` alone.
 *
 * @throws AttestError `algorithm-unsupported` when one of the signatures cannot be logged
 */
export function coseRequests({ signatures }: VerifiedCose): EnvelopeRequest[] {
  return signatures.map(requestOf);
}

/**
 * Checks that `leaf` is the entry of this very signature, which is made again and compared.
 *
 * @throws AttestError `entry-body-mismatch`, `algorithm-unsupported`
 */
export function matchCoseEntry(leaf: Uint8Array, signature: CoseSignature): void {
  const { request } = requestOf(signature);
  if ('hashedRekordRequestV002' in request) {
    const body = hashedRekordBody({ algorithm: 'sha256', ...request.hashedRekordRequestV002 });
    if (equalBytes(leaf, body)) return;
  }
  throw new AttestError(
    'entry-body-mismatch',
    'the logged entry is not that of this signature; ask the log for the right entry',
  );
}

function requestOf({ signer, message, signature }: CoseSignature): EnvelopeRequest {
  if (signer.algorithm === 'ecdsa-p256-sha256') {
    return signedBytesRequest(message, toBase64(signature), signer);
  }
  throw new AttestError(
    'algorithm-unsupported',
    'an Ed25519 signature in COSE has no entry in a log: Rekor takes Ed25519ph over a digest; ' +
      'sign with ECDSA P-256, or attest in DSSE',
  );
}
