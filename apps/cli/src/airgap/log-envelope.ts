import { envelopeRequest, parseEnvelope } from '@touchstone/attest';
import { logRoutes, makeClient } from '@touchstone/contract';
import type { PublicKey } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';

/**
 * Has a log take an envelope under its signer's key; the entry's index. The log has checked the
 * signature, and answered only when the entry was in its published tree.
 */
export async function logEnvelope(
  envelope: unknown,
  key: PublicKey,
  logUrl: string,
  token: string | undefined,
): Promise<string> {
  if (envelope instanceof Uint8Array) {
    throw new CliError(
      'acknowledgement',
      'the compact form cannot be logged; bring the statement (.json)',
      EXIT.usage,
    );
  }
  const client = makeClient(logRoutes, {
    baseUrl: logUrl,
    fetch: fetch as never,
    authorize: () => (token === undefined ? undefined : `Bearer ${token}`),
  });
  const { request, attestation } = envelopeRequest(parseEnvelope(envelope), key);
  if (attestation !== undefined) {
    await client.keepAttestation({
      params: { digest: `sha256:${attestation.sha256}` },
      body: new Uint8Array(attestation.bytes),
    });
  }
  return (await client.addEntry({ body: request })).logIndex;
}
