import { z } from 'zod';
import { ArtifactDescriptor } from './artifact.js';
import { base64Text } from './base64-text.js';
import { isPlainObject } from './canonical-json.js';
import { DsseEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import { parseBy, parseJson } from './json.js';
import { countsAt, resolveTrustRoot, type TrustRoot } from './trust-root.js';

export const EVIDENCE_SCHEMA = 'https://touchstone.dev/evidence/v1';

/** Largest evidence file that is read, in bytes. */
export const MAX_EVIDENCE_BYTES = 32 * 1024 * 1024;

/** Two statements of each rebuilder that a trust root can hold. */
const MAX_ENTRIES = 512;
const MAX_BODY_BASE64 = 64 * 1024;
const MAX_CHECKPOINT = 64 * 1024;
/** A tree of 2^63 leaves has proofs of 63 hashes. */
const MAX_PROOF = 64;
const HASH_BASE64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** One logged envelope with the proof that it is in the log. */
export const EvidenceEntry = z.strictObject({
  logIndex: z.int().nonnegative(),
  /** The leaf, base64. */
  canonicalizedBody: base64Text(MAX_BODY_BASE64),
  /** RFC 9162 section 2.1.3, each hash base64, against the evidence's checkpoint. */
  inclusionProof: z
    .array(z.string().regex(HASH_BASE64, 'must be the base64 of 32 bytes'))
    .max(MAX_PROOF),
  envelope: DsseEnvelope,
});

/**
 * All that a verifier with a trust root needs to decide about one publication, offline.
 * It can leave out what speaks against the publication; it cannot make up what speaks for it.
 */
export const Evidence = z.strictObject({
  schema: z.literal(EVIDENCE_SCHEMA),
  artifact: ArtifactDescriptor,
  /** Opaque here but for its digest, its artifact and its module names. */
  recipe: z.custom<Record<string, unknown>>(isPlainObject, 'must be an object'),
  /** The signed note that all inclusion proofs lead to. */
  checkpoint: z.string().min(1).max(MAX_CHECKPOINT),
  entries: z.array(EvidenceEntry).max(MAX_ENTRIES),
});

export type EvidenceEntry = z.infer<typeof EvidenceEntry>;
export type Evidence = z.infer<typeof Evidence>;

/**
 * Reads an evidence file, from its bytes or as already parsed JSON. That it has the right shape
 * says nothing about its truth: see `verifyEvidence`.
 *
 * @throws AttestError `evidence-malformed`
 */
export function parseEvidence(file: unknown): Evidence {
  let value = file;
  if (file instanceof Uint8Array) {
    try {
      value = parseJson(file, MAX_EVIDENCE_BYTES);
    } catch (cause) {
      throw new AttestError('evidence-malformed', 'the evidence file is not acceptable JSON', {
        cause,
      });
    }
  }
  return parseBy(Evidence, value, 'evidence-malformed', 'evidence');
}

/**
 * The evidence without the entries that no rebuilder of `trustRoot` signed, by their key ids, or
 * signed with a key that was retired before.
 * `verifyEvidence` refuses evidence that has such entries: what a trust root does not speak of is
 * to be left out by whoever knows that, not to be passed over. So a verifier whose trust root is
 * older or newer than the coordinator's list of rebuilders narrows the evidence first.
 *
 * This checks no signature; it can only take votes away.
 *
 * @throws AttestError of `resolveTrustRoot`
 */
export function narrowEvidence(evidence: Evidence, trustRoot: TrustRoot): Evidence {
  const keys = new Map(resolveTrustRoot(trustRoot).keys.map((key) => [key.keyId, key]));
  const [origin = ''] = evidence.checkpoint.split('\n', 1);
  const entries = evidence.entries.filter(({ envelope, logIndex }) =>
    envelope.signatures.some(({ keyid }) => {
      const key = keyid === undefined ? undefined : keys.get(keyid);
      return keyid === undefined || (key !== undefined && countsAt(key, origin, logIndex));
    }),
  );
  return { ...evidence, entries };
}
