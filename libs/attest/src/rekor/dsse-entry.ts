import { sha256 } from '@noble/hashes/sha2.js';
import type { Sha256 } from '@touchstone/merkle';
import { encodeUtf8, fromBase64, toBase64, type SignatureVerifier } from '@touchstone/note';
import { z } from 'zod';
import { canonicalJson } from '../canonical-json.js';
import { DsseEnvelope, paeBytes } from '../dsse.js';
import { AttestError } from '../errors.js';
import type { NewEntry } from './new-entry.js';
import { EntryVerifier, readVerifier, type ReadVerifier } from './verifier.js';
import type { PointCheck } from './verify-digest.js';
import { verifyMessage } from './verify-message.js';

/** Rekor v2's request for a dsse 0.0.2, JSON mapping. */
export const DsseRequestBody = z.strictObject({
  envelope: DsseEnvelope,
  verifiers: z.array(EntryVerifier).min(1).max(16),
});
export type DsseRequestBody = z.infer<typeof DsseRequestBody>;

/** A signature of a DSSE entry with what it verifies with. */
export interface EntrySignature {
  /** Base64. */
  readonly content: string;
  readonly verifier: EntryVerifier;
}

/** The canonical JSON of a dsse 0.0.2 entry. */
export function dsseEntryBody(
  payload: Uint8Array,
  signatures: readonly EntrySignature[],
  hash: Sha256 = sha256,
): Uint8Array {
  const payloadHash = { algorithm: 'SHA2_256', digest: toBase64(hash(payload)) };
  return encodeUtf8(
    canonicalJson({
      apiVersion: '0.0.2',
      kind: 'dsse',
      spec: { dsseV002: { payloadHash, signatures } },
    }),
  );
}

/**
 * Checks a request as Rekor v2 does, and gives the entry it asks for:
 *   1. the keys are of algorithms of the registry,
 *   2. every signature verifies with one of them, and every key is needed (DSSE, "verification").
 *
 * @throws AttestError as readVerifier does, `entry-signature`
 */
export async function dsseEntry(
  { envelope, verifiers }: DsseRequestBody,
  verify: SignatureVerifier,
  check?: PointCheck,
  hash?: Sha256,
): Promise<NewEntry> {
  const payload = fromBase64(envelope.payload);
  const pae = paeBytes(envelope.payloadType, payload);
  const unused = new Map<EntryVerifier, ReadVerifier>(
    verifiers.map((verifier, at) => [
      verifier,
      readVerifier(verifier, `dsseRequestV002.verifiers[${at}]`),
    ]),
  );
  const signatures: EntrySignature[] = [];
  for (const [at, { sig }] of envelope.signatures.entries()) {
    const verifier = await signerOf(unused, pae, fromBase64(sig), verify, check);
    if (!verifier) {
      const field = `dsseRequestV002.envelope.signatures[${at}].sig`;
      const message = `${field} verifies with none of the given keys`;
      throw new AttestError('entry-signature', message, { field });
    }
    unused.delete(verifier);
    signatures.push({ content: sig, verifier });
  }
  if (unused.size > 0) {
    const field = 'dsseRequestV002.verifiers';
    const message = `${field} has ${unused.size} keys that made no signature; leave them out`;
    throw new AttestError('entry-signature', message, { field });
  }
  return { body: dsseEntryBody(payload, signatures, hash), payload };
}

async function signerOf(
  candidates: ReadonlyMap<EntryVerifier, ReadVerifier>,
  message: Uint8Array,
  signature: Uint8Array,
  verify: SignatureVerifier,
  check: PointCheck | undefined,
): Promise<EntryVerifier | undefined> {
  for (const [verifier, read] of candidates) {
    if (await verifyMessage(read, message, signature, verify, check)) return verifier;
  }
  return undefined;
}
