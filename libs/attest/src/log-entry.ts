import { fromBase64, type PublicKey } from '@touchstone/note';
import { equalBytes } from './bytes.js';
import { parseEnvelope, type DsseEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import { keyDetails } from './public-key.js';
import { dsseEntryBody } from './rekor/dsse-entry.js';
import { publicKeyVerifier } from './rekor/verifier.js';

/** Kind and version of the entries we write, as Rekor v2 names them. */
export const DSSE_ENTRY_KIND = { kind: 'dsse', version: '0.0.2' } as const;

/**
 * The log entry of an envelope: Rekor v2 `dsse` 0.0.2 in canonical JSON (RFC 8785), which is the
 * leaf. It binds the payload by digest, and each signature together with the key it verifies with.
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
 * Checks that `leaf` is the entry of exactly this envelope, signed once with this key. The entry
 * is made again and compared, so there is no second reading of the leaf to disagree with.
 *
 * @throws AttestError `entry-body-mismatch`
 */
export function matchLogEntry(
  leaf: Uint8Array,
  envelope: DsseEnvelope,
  publicKey: PublicKey,
): void {
  if (!equalBytes(leaf, dsseLogEntry(envelope, [publicKey]))) {
    throw new AttestError(
      'entry-body-mismatch',
      'the logged entry is not that of this envelope and key; ask the log for the right entry',
    );
  }
}
