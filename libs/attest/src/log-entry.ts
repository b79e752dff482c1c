import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fromBase64, toBase64, type PublicKey } from '@touchstone/note';
import { equalBytes } from './bytes.js';
import { paeBytes, parseEnvelope, type DsseEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import { keyDetails } from './public-key.js';
import { dsseEntryBody, type DsseRequestBody } from './rekor/dsse-entry.js';
import { hashedRekordBody, type HashedRekordRequest } from './rekor/hashedrekord.js';
import { publicKeyVerifier } from './rekor/verifier.js';

/** How one envelope is written to a log. */
export interface EnvelopeRequest {
  /** Body of `POST /api/v2/log/entries`. */
  readonly request:
    | { readonly hashedRekordRequestV002: HashedRekordRequest }
    | { readonly dsseRequestV002: DsseRequestBody };
  /**
   * What the log has to be handed first, where the request does not carry it: what was signed, by
   * the digest that the entry names.
   */
  readonly attestation?: {
    /** Lower-case hex. */
    readonly sha256: string;
    readonly bytes: Uint8Array;
  };
}

/**
 * How an envelope with one signature is logged, by its signer's key:
 *   - ECDSA P-256: as `hashedrekord` over the SHA-256 of its pre-authentication encoding, which is
 *     how sigstore's tools log envelopes by Rekor v2, and the only form that they verify;
 *   - Ed25519 signs no digests, so as `dsse`, which holds the payload's digest.
 *
 * @throws AttestError `dsse-malformed`, `dsse-signature-count`
 */
export function envelopeRequest(envelope: DsseEnvelope, publicKey: PublicKey): EnvelopeRequest {
  const { payload, payloadType, signatures } = parseEnvelope(envelope);
  const { algorithm, spki } = publicKey;
  const verifier = publicKeyVerifier(spki, keyDetails(algorithm));
  const content = soleSignature(signatures);
  if (algorithm === 'ed25519') {
    return { request: { dsseRequestV002: { envelope, verifiers: [verifier] } } };
  }
  return signedBytesRequest(paeBytes(payloadType, fromBase64(payload)), content, publicKey);
}

/**
 * How bytes of any kind are logged with an ECDSA P-256 signature over them: as `hashedrekord`.
 *
 * @param signature DER in base64
 */
export function signedBytesRequest(
  bytes: Uint8Array,
  signature: string,
  { algorithm, spki }: PublicKey,
): EnvelopeRequest {
  const digest = sha256(bytes);
  const verifier = publicKeyVerifier(spki, keyDetails(algorithm));
  return {
    request: {
      hashedRekordRequestV002: {
        digest: toBase64(digest),
        signature: { content: signature, verifier },
      },
    },
    attestation: { sha256: bytesToHex(digest), bytes },
  };
}

/**
 * The log entry of an envelope in canonical JSON (RFC 8785), which is the leaf: what a log makes of
 * {@link envelopeRequest}. It binds payload and payload type by digest (a `dsse` the payload alone)
 * together with the signature and the key it verifies with.
 *
 * @throws AttestError `dsse-malformed`, `dsse-signature-count`
 */
export function envelopeLogEntry(envelope: DsseEnvelope, publicKey: PublicKey): Uint8Array {
  const { request } = envelopeRequest(envelope, publicKey);
  if ('dsseRequestV002' in request) return dsseLogEntry(envelope, [publicKey]);
  const { digest, signature } = request.hashedRekordRequestV002;
  return hashedRekordBody({ algorithm: 'sha256', digest, signature });
}

/**
 * An envelope as Rekor v2 `dsse` 0.0.2: the payload by digest, and each signature with its key.
 *
 * `publicKeys[i]` is the key of `envelope.signatures[i]`; that they verify is the caller's to check.
 *
 * @throws AttestError `dsse-malformed`, `dsse-signature-count`
 */
export function dsseLogEntry(envelope: DsseEnvelope, publicKeys: readonly PublicKey[]): Uint8Array {
  const { payload, signatures } = parseEnvelope(envelope);
  if (signatures.length !== publicKeys.length) {
    throw new AttestError(
      'dsse-signature-count',
      `${signatures.length} signatures but ${publicKeys.length} public keys; give one key each`,
    );
  }
  return dsseEntryBody(
    fromBase64(payload),
    publicKeys.map(({ algorithm, spki }, index) => ({
      content: (signatures[index] as (typeof signatures)[number]).sig,
      verifier: publicKeyVerifier(spki, keyDetails(algorithm)),
    })),
  );
}

/**
 * Checks that `leaf` is an entry of exactly this envelope, signed once with this key. The entry is
 * made again and compared, so there is no second reading of the leaf to disagree with. A `dsse`
 * entry is taken of every key: that is how all envelopes were logged once.
 *
 * @throws AttestError `entry-body-mismatch`, `dsse-signature-count`
 */
export function matchLogEntry(
  leaf: Uint8Array,
  envelope: DsseEnvelope,
  publicKey: PublicKey,
): void {
  const forms = [
    () => envelopeLogEntry(envelope, publicKey),
    () => dsseLogEntry(envelope, [publicKey]),
  ];
  if (!forms.some((form) => equalBytes(leaf, form()))) {
    throw new AttestError(
      'entry-body-mismatch',
      'the logged entry is not that of this envelope and key; ask the log for the right entry',
    );
  }
}

function soleSignature([signature, ...others]: DsseEnvelope['signatures']): string {
  if (signature === undefined || others.length > 0) {
    throw new AttestError(
      'dsse-signature-count',
      `an entry has one signature; the envelope carries ${others.length + 1}`,
    );
  }
  return signature.sig;
}
