import {
  decodeUtf8,
  encodeUtf8,
  fromBase64,
  keyId,
  toBase64,
  type PublicKey,
  type SignatureVerifier,
  type Signer,
} from '@touchstone/note';
import { canonicalJson } from './canonical-json.js';
import { paeBytes, parseEnvelope, verifyEnvelope, type DsseEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import { parseJson } from './json.js';
import { publicKeyFromBase64 } from './public-key.js';
import { resolveTrustRoot, type RootSigners, type TrustRoot } from './trust-root.js';

/**
 * How a trust root is followed by the next, without asking anybody: each version is signed by a
 * threshold of the signers of the version before it and by a threshold of its own, as TUF 1.0
 * section 5.3 does with its root role. Versions count up by one; none may be left out.
 */

/** Payload type of the envelope that holds a trust root, in canonical JSON. */
export const TRUST_ROOT_PAYLOAD_TYPE = 'application/vnd.touchstone.trust-root+json';

/** The envelope of a trust root under one signature; add others' with {@link cosignTrustRoot}. */
export async function signTrustRoot(root: TrustRoot, signer: Signer): Promise<DsseEnvelope> {
  resolveTrustRoot(root);
  const payload = encodeUtf8(canonicalJson(root));
  const unsigned = { payload: toBase64(payload), payloadType: TRUST_ROOT_PAYLOAD_TYPE };
  return { ...unsigned, signatures: [await signatureBy(signer, payload)] };
}

/**
 * The same envelope with one signature more.
 *
 * @throws AttestError `dsse-malformed`, `dsse-payload-type`
 */
export async function cosignTrustRoot(
  envelope: DsseEnvelope,
  signer: Signer,
): Promise<DsseEnvelope> {
  const { payload, payloadType, signatures } = parseEnvelope(envelope);
  if (payloadType !== TRUST_ROOT_PAYLOAD_TYPE) throw wrongPayloadType(payloadType);
  const signature = await signatureBy(signer, fromBase64(payload));
  const others = signatures.filter(({ keyid }) => keyid !== signature.keyid);
  return { payload, payloadType, signatures: [...others, signature] };
}

/**
 * The trust root that follows `current`.
 *
 * @throws AttestError `trust-root-chain` when it is not the next version, when `current` names no
 * signers, or when either threshold is missed; as `resolveTrustRoot` and `verifyEnvelope` do
 */
export async function advanceTrustRoot(
  current: TrustRoot,
  envelope: unknown,
  verify: SignatureVerifier,
): Promise<TrustRoot> {
  const { payload: encoded, payloadType } = parseEnvelope(envelope);
  if (payloadType !== TRUST_ROOT_PAYLOAD_TYPE) throw wrongPayloadType(payloadType);
  const payload = fromBase64(encoded);
  const { root: next } = resolveTrustRoot(parseJson(payload, MAX_ROOT_BYTES));
  if (canonicalJson(next) !== decodeUtf8(payload)) {
    throw new AttestError('trust-root-malformed', 'the trust root is not in canonical JSON');
  }
  if (next.version !== current.version + 1) {
    throw new AttestError(
      'trust-root-chain',
      `version ${next.version} does not follow version ${current.version}; bring ${current.version + 1}`,
    );
  }
  await requireThreshold(current, envelope, verify);
  await requireThreshold(next, envelope, verify);
  return next;
}

const MAX_ROOT_BYTES = 1_048_576;

async function requireThreshold(
  { signers, version }: TrustRoot,
  envelope: unknown,
  verify: SignatureVerifier,
): Promise<void> {
  if (signers === undefined) {
    throw new AttestError(
      'trust-root-chain',
      `version ${version} names no signers, so no signature can vouch for a change of it`,
    );
  }
  const keys = keysOf(signers);
  const { signers: found } = await verifyEnvelope(envelope, keys, verify);
  const distinct = new Set(found.map(keyId)).size;
  if (distinct < signers.threshold) {
    throw new AttestError(
      'trust-root-chain',
      `${distinct} of the ${signers.threshold} signers that version ${version} asks for signed`,
    );
  }
}

/** One key has one voice, however often it is listed. */
function keysOf({ keys }: RootSigners): PublicKey[] {
  const distinct = new Map(
    keys.map(({ algorithm, spki }) => {
      const key = publicKeyFromBase64(algorithm, spki);
      return [keyId(key), key];
    }),
  );
  return [...distinct.values()];
}

async function signatureBy(
  signer: Signer,
  payload: Uint8Array,
): Promise<{ keyid: string; sig: string }> {
  const signature = await signer.sign(paeBytes(TRUST_ROOT_PAYLOAD_TYPE, payload));
  return { keyid: keyId(signer.publicKey), sig: toBase64(signature) };
}

function wrongPayloadType(payloadType: string): AttestError {
  return new AttestError(
    'dsse-payload-type',
    `payloadType must be ${TRUST_ROOT_PAYLOAD_TYPE}, not ${JSON.stringify(payloadType)}`,
  );
}
