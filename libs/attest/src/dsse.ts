import { encodeUtf8, fromBase64, keyId, toBase64 } from '@touchstone/note';
import type { PublicKey, SignatureVerifier, Signer } from '@touchstone/note';
import { concatBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { base64Text } from './base64-text.js';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import { encodeStatement, MAX_PAYLOAD_BYTES, parseStatement, type Statement } from './statement.js';

/** Payload type of in-toto statements; in-toto attestation v1, "Envelope". */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const MAX_SIGNATURES = 16;
const MAX_SIGNATURE_BASE64 = 2048;
const MAX_PAYLOAD_BASE64 = Math.ceil(MAX_PAYLOAD_BYTES / 3) * 4;

/** DSSE v1.0.2 envelope in JSON. Binary fields are canonical base64 with padding. */
export const DsseEnvelope = z.strictObject({
  payload: base64Text(MAX_PAYLOAD_BASE64),
  payloadType: z.string().min(1).max(256),
  signatures: z
    .array(
      z.strictObject({
        sig: base64Text(MAX_SIGNATURE_BASE64).min(1),
        /** A hint which key signed: hex SHA-256 of its SubjectPublicKeyInfo in our envelopes. */
        keyid: z.string().max(256).exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_SIGNATURES),
});
export type DsseEnvelope = z.infer<typeof DsseEnvelope>;

/** What is left of an envelope once signatures were checked: trust nothing else of it. */
export interface VerifiedEnvelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** The keys whose signatures verified, in the order of the envelope's signatures. */
  readonly signers: readonly PublicKey[];
  /** How many signatures the envelope carries, verified or not. */
  readonly signatureCount: number;
}

/** @throws AttestError `dsse-malformed` */
export function parseEnvelope(value: unknown): DsseEnvelope {
  return parseBy(DsseEnvelope, value, 'dsse-malformed', 'envelope');
}

/** The bytes that are signed: DSSE v1.0.2 protocol, "PAE". */
export function paeBytes(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = encodeUtf8(payloadType);
  const header = encodeUtf8(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  return concatBytes(header, payload);
}

/** Signs the canonical JSON of a statement, once. Refuses to sign what we would not read back. */
export async function signEnvelope(statement: Statement, signer: Signer): Promise<DsseEnvelope> {
  const payload = encodeStatement(statement);
  parseStatement(payload);
  const signature = await signer.sign(paeBytes(STATEMENT_PAYLOAD_TYPE, payload));
  return {
    payload: toBase64(payload),
    payloadType: STATEMENT_PAYLOAD_TYPE,
    signatures: [{ keyid: keyId(signer.publicKey), sig: toBase64(signature) }],
  };
}

/**
 * Checks the signatures of an envelope against the keys one trusts; DSSE v1.0.2 protocol,
 * "verification". A `keyid` only narrows down which keys are tried. At least one signature must
 * verify; callers who want all of them compare `signers` with `signatureCount`.
 *
 * @throws AttestError `dsse-malformed`, `dsse-payload-too-large`, `signer-unknown` when no
 * signature names a key that is given, `dsse-signature` when one does and does not verify
 */
export async function verifyEnvelope(
  envelope: unknown,
  publicKeys: readonly PublicKey[],
  verify: SignatureVerifier,
): Promise<VerifiedEnvelope> {
  const { payload: encoded, payloadType, signatures } = parseEnvelope(envelope);
  const payload = fromBase64(encoded);
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new AttestError(
      'dsse-payload-too-large',
      `payload of ${payload.length} bytes is over the limit of ${MAX_PAYLOAD_BYTES}`,
    );
  }
  const message = paeBytes(payloadType, payload);
  const keys = publicKeys.map((publicKey) => ({ publicKey, id: keyId(publicKey) }));
  const signers: PublicKey[] = [];
  let tried = false;
  for (const { sig, keyid } of signatures) {
    const hinted = keyid !== undefined && keyid !== '';
    const candidates = hinted ? keys.filter(({ id }) => id === keyid) : keys;
    const signature = fromBase64(sig);
    for (const { publicKey } of candidates) {
      tried = true;
      if (await verify(publicKey, message, signature)) {
        signers.push(publicKey);
        break;
      }
    }
  }
  if (signers.length > 0) {
    return { payloadType, payload, signers, signatureCount: signatures.length };
  }
  throw tried
    ? new AttestError('dsse-signature', 'no signature of the envelope verifies with a known key')
    : new AttestError('signer-unknown', 'no signature of the envelope is by a known key; enrol it');
}

/**
 * The one signer of a statement envelope: exactly one signature, and the payload type of in-toto.
 * A second signature is refused even if it verifies: it would be somebody else's word riding on
 * this one.
 *
 * @throws AttestError `dsse-signature-count`, `dsse-payload-type`
 */
export function soleSigner(envelope: VerifiedEnvelope): PublicKey {
  const [signer] = envelope.signers;
  if (signer === undefined || envelope.signatureCount !== 1) {
    throw new AttestError(
      'dsse-signature-count',
      `the envelope carries ${envelope.signatureCount} signatures; it must carry exactly one`,
    );
  }
  if (envelope.payloadType !== STATEMENT_PAYLOAD_TYPE) {
    throw new AttestError(
      'dsse-payload-type',
      `payloadType must be ${STATEMENT_PAYLOAD_TYPE}, not ${JSON.stringify(envelope.payloadType)}`,
    );
  }
  return signer;
}
