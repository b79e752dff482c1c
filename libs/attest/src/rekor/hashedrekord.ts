import { encodeUtf8, fromBase64 } from '@touchstone/note';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { canonicalJson } from '../canonical-json.js';
import { AttestError } from '../errors.js';
import { HASHES, type HashName } from './algorithms.js';
import { EntryVerifier, readVerifier, type ReadVerifier } from './verifier.js';
import { verifyDigest, type PointCheck } from './verify-digest.js';

/** Kind and version of entries that name a digest and a signature over it; Rekor v2. */
export const HASHEDREKORD_KIND = { kind: 'hashedrekord', version: '0.0.2' } as const;

/** Base64 characters of the largest signature: RSA of 4096 bits has 512 bytes. */
export const MAX_SIGNATURE_BASE64 = 2048;

/** Rekor v2's request for a hashedrekord 0.0.2, JSON mapping. */
export const HashedRekordRequest = z.strictObject({
  /** By the hash that `keyDetails` implies. */
  digest: base64Text(88).min(1),
  signature: z.strictObject({
    content: base64Text(MAX_SIGNATURE_BASE64).min(1),
    verifier: EntryVerifier,
  }),
});
export type HashedRekordRequest = z.infer<typeof HashedRekordRequest>;

/**
 * Checks a request as Rekor v2 does, and gives the entry it asks for in canonical JSON:
 *   1. the algorithm is one of the registry, and the key one for it,
 *   2. the digest is of the size that the algorithm's hash has,
 *   3. the signature over the digest verifies.
 *
 * @throws AttestError as readVerifier does, `entry-digest-mismatch`, `entry-signature`
 */
export function hashedRekordEntry(request: HashedRekordRequest, check?: PointCheck): Uint8Array {
  const { content, verifier } = request.signature;
  const read = readVerifier(verifier, 'hashedRekordRequestV002.signature.verifier');
  checkSignedDigest(read, fromBase64(request.digest), fromBase64(content), check);
  return hashedRekordBody({ ...request, algorithm: read.algorithm.hash ?? 'sha256' });
}

/** The canonical JSON of a hashedrekord 0.0.2 entry; that it is true is the caller's to check. */
export function hashedRekordBody(
  entry: HashedRekordRequest & { readonly algorithm: HashName },
): Uint8Array {
  const { algorithm, digest, signature } = entry;
  return encodeUtf8(
    canonicalJson({
      apiVersion: HASHEDREKORD_KIND.version,
      kind: HASHEDREKORD_KIND.kind,
      spec: {
        hashedRekordV002: { data: { algorithm: HASHES[algorithm].name, digest }, signature },
      },
    }),
  );
}

function checkSignedDigest(
  { key, algorithm }: ReadVerifier,
  digest: Uint8Array,
  signature: Uint8Array,
  check: PointCheck | undefined,
): void {
  const { hash, keyDetails } = algorithm;
  if (hash === undefined) {
    throw new AttestError(
      'algorithm-unsupported',
      `${keyDetails} signs no digest; sign with PKIX_ED25519_PH, or send the DSSE envelope`,
    );
  }
  if (digest.length !== HASHES[hash].size) {
    throw new AttestError(
      'entry-digest-mismatch',
      `the digest has ${digest.length} bytes, but ${keyDetails} goes with ${hash}`,
      { field: 'hashedRekordRequestV002.digest' },
    );
  }
  if (!verifyDigest(key, algorithm, digest, signature, check)) {
    throw new AttestError('entry-signature', 'the signature over the digest does not verify', {
      field: 'hashedRekordRequestV002.signature.content',
    });
  }
}
