import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import {
  decodeUtf8,
  encodeUtf8,
  fromBase64,
  toBase64,
  type SignatureVerifier,
} from '@touchstone/note';
import { canonicalJson } from '../canonical-json.js';
import { paeBytes, parseEnvelope } from '../dsse.js';
import { AttestError } from '../errors.js';
import { parseJson } from '../json.js';
import { algorithmsOf, digestAlgorithmsOf, HASHES, type HashName } from './algorithms.js';
import type { NewEntry } from './new-entry.js';
import { readPemBase64, type PemVerifier } from './pem-verifier.js';
import type { DsseV1, HashedRekordV1, IntotoV2, V1Request } from './v1-requests.js';
import { verifyDigest, type PointCheck } from './verify-digest.js';

const MAX_ENVELOPE_BYTES = 16 * 1024 * 1024;

/**
 * The entry that a proposed entry of Rekor v1 becomes, each signature in it verified.
 *
 * @throws AttestError `entry-signature`, `entry-digest-mismatch`, `entry-malformed`,
 * `dsse-malformed`, `json-malformed` and those of readPemBase64
 */
export async function v1Entry(
  request: V1Request,
  verify: SignatureVerifier,
  check?: PointCheck,
): Promise<NewEntry> {
  if (request.kind === 'hashedrekord') return hashedRekord(request, check);
  return request.kind === 'dsse' ? dsse(request, verify, check) : intoto(request, verify, check);
}

function entryBody({ apiVersion, kind }: V1Request, spec: object): Uint8Array {
  return encodeUtf8(canonicalJson({ apiVersion, kind, spec }));
}

function hashedRekord(request: HashedRekordV1, check: PointCheck | undefined): NewEntry {
  const { data, signature } = request.spec;
  const algorithm = data.hash.algorithm as HashName;
  const verifier = readPemBase64(signature.publicKey.content);
  const digest = hexToBytes(data.hash.value);
  if (digest.length !== HASHES[algorithm].size) {
    const message = `spec.data.hash.value is no ${algorithm}`;
    throw new AttestError('entry-digest-mismatch', message, { field: 'spec.data.hash.value' });
  }
  const content = fromBase64(signature.content);
  const rows = digestAlgorithmsOf(verifier.key, algorithm);
  if (!rows.some((row) => verifyDigest(verifier.key, row, digest, content, check)))
    throw badSignature('spec.signature.content');
  const publicKey = { content: toBase64(verifier.canonical) };
  const spec = { data: { hash: data.hash }, signature: { content: signature.content, publicKey } };
  return { body: entryBody(request, spec) };
}

async function dsse(
  request: DsseV1,
  verify: SignatureVerifier,
  check: PointCheck | undefined,
): Promise<NewEntry> {
  const { envelope: text, verifiers } = request.spec.proposedContent;
  const envelopeBytes = encodeUtf8(text);
  const envelope = parseEnvelope(parseJson(envelopeBytes, MAX_ENVELOPE_BYTES));
  const payload = fromBase64(envelope.payload);
  const message = paeBytes(envelope.payloadType, payload);
  // Objects of their own: one key given twice is one too many.
  const unused = new Set(verifiers.map((pem) => ({ ...readPemBase64(pem) })));
  const signatures: { signature: string; verifier: string }[] = [];
  for (const [at, { sig }] of envelope.signatures.entries()) {
    const signer = await signerOf(unused, message, fromBase64(sig), verify, check);
    if (!signer) throw badSignature(`spec.proposedContent.envelope: signatures[${at}].sig`);
    unused.delete(signer);
    signatures.push({ signature: sig, verifier: toBase64(signer.canonical) });
  }
  if (unused.size > 0) throw badSignature('spec.proposedContent.verifiers');
  // Rekor v1 sorts them, so that one envelope makes one entry in whatever order it was signed.
  signatures.sort((a, b) => (a.signature < b.signature ? -1 : 1));
  const spec = {
    envelopeHash: hashOf(envelopeBytes),
    payloadHash: hashOf(payload),
    signatures,
  };
  return { body: entryBody(request, spec), payload };
}

async function intoto(
  request: IntotoV2,
  verify: SignatureVerifier,
  check: PointCheck | undefined,
): Promise<NewEntry> {
  const { envelope, hash } = request.spec.content;
  const payload = fromBase64(innerText(envelope.payload, 'payload'));
  const message = paeBytes(envelope.payloadType, payload);
  const signatures: object[] = [];
  for (const [at, { sig, publicKey, keyid }] of envelope.signatures.entries()) {
    const field = `signatures[${at}].sig`;
    const verifier = readPemBase64(publicKey);
    const signer = await signerOf(
      [verifier],
      message,
      fromBase64(innerText(sig, field)),
      verify,
      check,
    );
    if (!signer) throw badSignature(`spec.content.envelope.${field}`);
    const hint = keyid === undefined || keyid === '' ? {} : { keyid };
    signatures.push({ ...hint, publicKey, sig });
  }
  const { payloadType } = envelope;
  const content = { envelope: { payloadType, signatures }, hash, payloadHash: hashOf(payload) };
  return { body: entryBody(request, { content }), payload };
}

/** Canonical base64 that is wrapped in base64 once more. */
function innerText(base64: string, field: string): string {
  try {
    const text = decodeUtf8(fromBase64(base64));
    fromBase64(text);
    return text;
  } catch (cause) {
    const path = `spec.content.envelope.${field}`;
    const message = `${path} is not base64 of base64`;
    throw new AttestError('entry-malformed', message, { cause, field: path });
  }
}

async function signerOf(
  candidates: Iterable<PemVerifier>,
  message: Uint8Array,
  signature: Uint8Array,
  verify: SignatureVerifier,
  check: PointCheck | undefined,
): Promise<PemVerifier | undefined> {
  for (const verifier of candidates) {
    if (await signed(verifier, message, signature, verify, check)) return verifier;
  }
  return undefined;
}

/** v1 says nothing of algorithms: any that the key can sign with, and SHA-256 with any ECDSA key. */
async function signed(
  { key }: PemVerifier,
  message: Uint8Array,
  signature: Uint8Array,
  verify: SignatureVerifier,
  check: PointCheck | undefined,
): Promise<boolean> {
  const platform = key.type === 'rsa' ? undefined : key.platform;
  if (platform && (await verify(platform, message, signature))) return true;
  const rows = algorithmsOf(key);
  if (key.type === 'ecdsa') {
    if (key.curve === 'P-256') return false;
    rows.push({ keyDetails: '', scheme: 'ecdsa', curve: key.curve, hash: 'sha256' });
  }
  return rows.some(
    (row) =>
      row.hash !== undefined &&
      verifyDigest(key, row, HASHES[row.hash].digest(message), signature, check),
  );
}

function hashOf(bytes: Uint8Array): { algorithm: string; value: string } {
  return { algorithm: 'sha256', value: bytesToHex(sha256(bytes)) };
}

function badSignature(field: string): AttestError {
  return new AttestError('entry-signature', `${field} does not verify`, { field });
}
