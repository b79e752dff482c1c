import { createHash } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import { toSignedEntity, VerificationError, type TrustMaterial } from '@sigstore/verify';
import { paeBytes } from '@touchstone/attest';

type SignedEntity = ReturnType<typeof toSignedEntity>;
type LogEntry = SignedEntity['tlogEntries'][number];

/**
 * A bundle as the library verifies it, with two things set right that the release of it which runs
 * on Node.js 20 has not:
 *
 * - An entry of kind hashedrekord names an envelope by the digest of its pre-authentication encoding
 *   (rekor-tiles, "hashedrekord"), not by that of the payload.
 * - It makes a regular expression of the name in a checkpoint's signature line, which anybody may
 *   write: a name can be made to take hours. Lines go that are not of a log in the trusted root, by
 *   name and key ID; what is signed stays as it is.
 *
 * @throws VerificationError, and whatever the library throws of what it cannot read
 */
export function signedEntity(
  bundle: Bundle,
  trust: TrustMaterial,
  artifact?: Buffer,
): SignedEntity {
  const entity = toSignedEntity(bundle, artifact);
  for (const entry of entity.tlogEntries) dropForeignLines(entry, trust);
  if (bundle.content.$case !== 'dsseEnvelope') return entity;
  const kinds = new Set(entity.tlogEntries.map(({ kindVersion }) => kindVersion.kind));
  if (!kinds.has('hashedrekord')) return entity;
  if (kinds.size > 1) {
    const message = 'its envelope is logged as entries of several kinds';
    throw new VerificationError({ code: 'TLOG_BODY_ERROR', message });
  }
  const { payloadType, payload } = bundle.content.dsseEnvelope;
  const digest = createHash('sha256').update(paeBytes(payloadType, payload)).digest();
  entity.signature.compareDigest = (logged) => digest.equals(logged);
  return entity;
}

/** C2SP signed-note: an em dash, a name, base64 that begins with four bytes of key ID. */
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/;

function dropForeignLines(entry: LogEntry, { tlogs }: TrustMaterial): void {
  const checkpoint = entry.inclusionProof?.checkpoint;
  const end = checkpoint?.envelope.indexOf('\n\n') ?? -1;
  if (checkpoint === undefined || end < 0) return;
  const lines = checkpoint.envelope.slice(end + 2).split('\n');
  const kept = lines.filter((line) => {
    const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
    if (name === undefined || base64 === undefined) return false;
    const keyId = Buffer.from(base64, 'base64').subarray(0, 4);
    return tlogs.some(
      ({ baseURL, logID }) => baseURL.includes(name) && keyId.equals(logID.subarray(0, 4)),
    );
  });
  checkpoint.envelope =
    checkpoint.envelope.slice(0, end + 2) + kept.map((line) => `${line}\n`).join('');
}
