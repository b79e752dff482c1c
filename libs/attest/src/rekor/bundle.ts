import { sha256 } from '@noble/hashes/sha2.js';
import { decodeUtf8, encodeUtf8, toBase64, type SignatureVerifier } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { paeBytes, STATEMENT_PAYLOAD_TYPE } from '../dsse.js';
import { AttestError } from '../errors.js';
import { algorithmsOf, HASHES } from './algorithms.js';
import type { EntrySigner, EntryView } from './read-entry.js';
import { readSpki } from './spki.js';
import { verifyDigest } from './verify-digest.js';

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export interface BundleParts {
  readonly entry: EntryView;
  /** The TransparencyLogEntry in JSON, with its proof. */
  readonly logged: object;
  /** What the entry names by digest, if it is at hand: a payload, or what was signed itself. */
  readonly attestation?: Uint8Array;
  /** Of the payload; in-toto's unless told. An entry does not say it, but the signature covers it. */
  readonly payloadType?: string;
}

/**
 * One entry as a Sigstore bundle 0.3 (protobuf-specs `Bundle`, JSON mapping): an envelope when its
 * payload is at hand, else the signature over a digest.
 *
 * @throws AttestError `bundle-unavailable` when the entry cannot be put so
 */
export async function sigstoreBundle(
  { entry, logged, attestation, payloadType = STATEMENT_PAYLOAD_TYPE }: BundleParts,
  verify: SignatureVerifier,
): Promise<object> {
  const [signer, ...others] = entry.signers;
  // Sigstore's verifiers take an envelope with one signature.
  if (!signer || others.length > 0) unavailable('it has more signatures than one');
  const content = entry.signed
    ? signedContent(entry.signed, signer, attestation)
    : await envelopeContent(entry, signer, { attestation, payloadType, verify });
  return {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { ...verifierOf(signer), tlogEntries: [logged] },
    ...content,
  };
}

function verifierOf({ certificate, spki }: EntrySigner): object {
  return certificate
    ? { certificate: { rawBytes: toBase64(certificate) } }
    : { publicKey: { hint: toBase64(sha256(spki)) } };
}

function signedContent(
  { algorithm, digest }: NonNullable<EntryView['signed']>,
  signer: EntrySigner,
  attestation: Uint8Array | undefined,
): object {
  const { name, digest: hashOf } = HASHES[algorithm];
  const envelope =
    attestation && equalBytes(hashOf(attestation), digest) ? parsePae(attestation) : undefined;
  if (envelope) return envelopeOf(envelope.payloadType, envelope.payload, signer);
  const messageDigest = { algorithm: name, digest: toBase64(digest) };
  return { messageSignature: { messageDigest, signature: toBase64(signer.signature) } };
}

async function envelopeContent(
  { payloadSha256 }: EntryView,
  signer: EntrySigner,
  options: {
    attestation: Uint8Array | undefined;
    payloadType: string;
    verify: SignatureVerifier;
  },
): Promise<object> {
  const { attestation: payload, payloadType, verify } = options;
  if (!payload || !payloadSha256 || !equalBytes(sha256(payload), payloadSha256)) {
    return unavailable('its attestation is not at hand');
  }
  const message = paeBytes(payloadType, payload);
  if (!(await signedBy(signer, message, verify))) {
    unavailable(`its signature is over another payload type than ${JSON.stringify(payloadType)}`);
  }
  return envelopeOf(payloadType, payload, signer);
}

function envelopeOf(payloadType: string, payload: Uint8Array, { signature }: EntrySigner): object {
  const signatures = [{ sig: toBase64(signature) }];
  return { dsseEnvelope: { payload: toBase64(payload), payloadType, signatures } };
}

async function signedBy(
  { spki, signature }: EntrySigner,
  message: Uint8Array,
  verify: SignatureVerifier,
): Promise<boolean> {
  const key = readSpki(spki);
  const platform = key.type === 'rsa' ? undefined : key.platform;
  if (platform && (await verify(platform, message, signature))) return true;
  return algorithmsOf(key).some(
    (row) =>
      row.hash !== undefined && verifyDigest(key, row, HASHES[row.hash].digest(message), signature),
  );
}

const PAE_HEADER = /^DSSEv1 (0|[1-9][0-9]{0,4}) /;
/** Bytes that the header and the longest payload type of a PAE can take. */
const MAX_PAE_HEAD = 4096;

/** Takes a DSSE pre-authentication encoding apart; undefined when the bytes are none. */
export function parsePae(
  bytes: Uint8Array,
): { payloadType: string; payload: Uint8Array } | undefined {
  const match = PAE_HEADER.exec(latin1(bytes, 0, 32));
  if (!match) return undefined;
  const start = match[0].length;
  const end = start + Number(match[1]);
  if (end > MAX_PAE_HEAD) return undefined;
  const size = /^ (0|[1-9][0-9]{0,15}) /.exec(latin1(bytes, end, end + 20));
  if (!size) return undefined;
  try {
    const payloadType = decodeUtf8(bytes.subarray(start, end));
    const payload = bytes.subarray(end + size[0].length);
    if (encodeUtf8(payloadType).length !== end - start) return undefined;
    return payload.length === Number(size[1]) ? { payloadType, payload } : undefined;
  } catch {
    return undefined;
  }
}

/** One character per byte, so that lengths in bytes can be cut off. */
function latin1(bytes: Uint8Array, begin: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(begin, end));
}

function unavailable(why: string): never {
  throw new AttestError('bundle-unavailable', `the entry cannot be had as a bundle: ${why}`);
}
