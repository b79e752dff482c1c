import { compactParts } from '@touchstone/airgap';
import {
  envelopeRequest,
  parseEnvelope,
  signedBytesRequest,
  type EnvelopeRequest,
} from '@touchstone/attest';
import { logRoutes, makeClient } from '@touchstone/contract';
import { toBase64, type PublicKey } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';

/**
 * Has a log take an acknowledgement of either form under its device's key; the entry's index. The log
 * has checked the signature, and answered only when the entry was in its published tree.
 */
export async function logAcknowledgement(
  signed: unknown,
  key: PublicKey,
  logUrl: string,
  token: string | undefined,
): Promise<string> {
  const client = makeClient(logRoutes, {
    baseUrl: logUrl,
    fetch: fetch as never,
    authorize: () => (token === undefined ? undefined : `Bearer ${token}`),
  });
  const { request, attestation } =
    signed instanceof Uint8Array
      ? compactRequest(signed, key)
      : envelopeRequest(parseEnvelope(signed), key);
  if (attestation !== undefined) {
    await client.keepAttestation({
      params: { digest: `sha256:${attestation.sha256}` },
      body: new Uint8Array(attestation.bytes),
    });
  }
  return (await client.addEntry({ body: request })).logIndex;
}

/** By the digest of what the device signed, as `hashedrekord`: it is no envelope. */
function compactRequest(bytes: Uint8Array, key: PublicKey): EnvelopeRequest {
  if (key.algorithm !== 'ecdsa-p256-sha256') {
    throw new CliError(
      'acknowledgement',
      'the compact form is logged by its digest, which Ed25519 does not sign; bring the statement (.json)',
      EXIT.usage,
    );
  }
  const { signed, signature } = compactParts(bytes);
  return signedBytesRequest(signed, toBase64(signature), key);
}
