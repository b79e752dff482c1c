import {
  decodeCbor,
  encodeCbor,
  parseStatement,
  signEnvelope,
  soleSigner,
  STATEMENT_TYPE,
  verifyEnvelope,
  type CborValue,
  type DsseEnvelope,
  type Statement,
} from '@touchstone/attest';
import { keyId, type PublicKey, type SignatureVerifier, type Signer } from '@touchstone/note';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { AirgapError } from './errors.js';

/**
 * A site's word that it imported a checkpoint, signed by its device. It comes in two forms that say
 * the same: an in-toto statement (for the log and for other tools) and a compact one that fits a
 * QR code a camera reads at once.
 */

export const ACKNOWLEDGEMENT_PREDICATE_TYPE = 'https://touchstone.dev/acknowledgement/v1';
const COMPACT_FORMAT = 'touchstone-ack/1';
const MAX_COUNTER = 2_097_151;

const hex = (bytes: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `must be ${bytes} bytes in hex`);
const Name = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}]+$/u, 'must be without control characters');
const Size = z.int().min(0);

export const Acknowledgement = z.strictObject({
  site: Name,
  checkpoint: z.strictObject({ origin: Name, size: Size, root: hex(32) }),
  /** Version of the trust root that the site goes by from now on. */
  trustRootVersion: z.int().min(1),
  verdict: z.enum(['OK', 'UNWITNESSED', 'NO-TIME', 'STALE']),
  /** Of the device's monotonic counter, after this import. One import, one step. */
  counter: z.int().min(1).max(MAX_COUNTER),
  /** Of the chip: nine bytes. */
  serial: hex(9),
  /** Random of the device, so that no two acknowledgements are alike. */
  nonce: hex(16),
});
export type Acknowledgement = z.infer<typeof Acknowledgement>;

/** The statement: its subject is the checkpoint's tree. */
function statementOf(acknowledgement: Acknowledgement): Statement {
  const { origin, size, root } = acknowledgement.checkpoint;
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: `${origin}@${size}`, digest: { sha256: root } }],
    predicateType: ACKNOWLEDGEMENT_PREDICATE_TYPE,
    predicate: acknowledgement,
  };
}

/** As in-toto statement in a DSSE envelope. */
export function signAcknowledgement(
  acknowledgement: Acknowledgement,
  signer: Signer,
): Promise<DsseEnvelope> {
  return signEnvelope(statementOf(read(acknowledgement)), signer);
}

/** As compact CBOR, at most 700 bytes and some 250 in practice. */
export async function signCompactAcknowledgement(
  acknowledgement: Acknowledgement,
  signer: Signer,
): Promise<Uint8Array> {
  const fields = compactFields(read(acknowledgement));
  return encodeCbor([...fields, await signer.sign(encodeCbor(fields))]);
}

/**
 * Verifies an acknowledgement of either form under the device's key.
 *
 * @param signed the envelope's JSON value, or the compact bytes
 * @throws AirgapError `acknowledgement-malformed`, `acknowledgement-signature`
 */
export async function verifyAcknowledgement(
  signed: unknown,
  device: PublicKey,
  verify: SignatureVerifier,
): Promise<Acknowledgement> {
  return signed instanceof Uint8Array
    ? verifyCompact(signed, device, verify)
    : verifyStatement(signed, device, verify);
}

/**
 * What a chain of acknowledgements of one device has come to, and the next one: counters step by
 * one, so an import that was never acknowledged shows; sizes never fall.
 *
 * @param start of the counter, for a device that had counted before it came to its site
 * @throws AirgapError `acknowledgement-gap`, `acknowledgement-fork`
 */
export function followAcknowledgement(
  previous: Acknowledgement | undefined,
  next: Acknowledgement,
  start = 0,
): void {
  const expected = (previous?.counter ?? start) + 1;
  if (next.counter !== expected) {
    throw new AirgapError(
      'acknowledgement-gap',
      next.counter < expected
        ? `counter ${next.counter} was acknowledged before`
        : `counter ${next.counter} follows ${expected - 1}: ${next.counter - expected} imports in between were not acknowledged`,
    );
  }
  if (previous === undefined) return;
  if (previous.serial !== next.serial || previous.site !== next.site) {
    throw new AirgapError('acknowledgement-gap', 'it is of another device or site');
  }
  const [before, after] = [previous.checkpoint, next.checkpoint];
  const sameSize = before.size === after.size;
  if (
    before.origin !== after.origin ||
    before.size > after.size ||
    (sameSize && before.root !== after.root)
  ) {
    throw new AirgapError(
      'acknowledgement-fork',
      `the device went from size ${before.size} to ${after.size} of ${after.origin} in a way that no log grows`,
    );
  }
}

async function verifyStatement(
  envelope: unknown,
  device: PublicKey,
  verify: SignatureVerifier,
): Promise<Acknowledgement> {
  try {
    const verified = await verifyEnvelope(envelope, [device], verify);
    soleSigner(verified);
    const { predicateType, predicate, subject } = parseStatement(verified.payload);
    if (predicateType !== ACKNOWLEDGEMENT_PREDICATE_TYPE) throw malformed('of another kind');
    const acknowledgement = read(predicate);
    const [only, ...more] = statementOf(acknowledgement).subject;
    const [first, ...others] = subject;
    const named = first?.name === only?.name && first?.digest['sha256'] === only?.digest['sha256'];
    if (!named || others.length !== more.length) throw malformed('about another tree');
    return acknowledgement;
  } catch (cause) {
    if (cause instanceof AirgapError) throw cause;
    throw new AirgapError(
      'acknowledgement-signature',
      `the acknowledgement is not signed by device key ${keyId(device).slice(0, 16)}…`,
      { cause },
    );
  }
}

/**
 * What the device signed of a compact acknowledgement, and its signature: all that a log needs of it.
 * Unverified.
 *
 * @throws AirgapError `acknowledgement-malformed`
 */
export function compactParts(bytes: Uint8Array): {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
} {
  const { fields, signature } = readCompactList(bytes);
  return { signed: encodeCbor(fields), signature };
}

async function verifyCompact(
  bytes: Uint8Array,
  device: PublicKey,
  verify: SignatureVerifier,
): Promise<Acknowledgement> {
  const { fields, signature } = readCompactList(bytes);
  const acknowledgement = readCompact(fields);
  if (!(await verify(device, encodeCbor(fields), signature))) {
    throw new AirgapError(
      'acknowledgement-signature',
      `the acknowledgement is not signed by device key ${keyId(device).slice(0, 16)}…`,
    );
  }
  return acknowledgement;
}

function readCompactList(bytes: Uint8Array): {
  readonly fields: readonly CborValue[];
  readonly signature: Uint8Array;
} {
  let list: readonly CborValue[];
  try {
    const value = decodeCbor(bytes, { bytes: 2048, depth: 1, items: 16 });
    list = Array.isArray(value) ? (value as CborValue[]) : [];
  } catch (cause) {
    throw malformed('no deterministic CBOR', cause);
  }
  const signature = list.at(-1);
  if (list.length !== 11 || list[0] !== COMPACT_FORMAT || !(signature instanceof Uint8Array)) {
    throw malformed(`no ${COMPACT_FORMAT}`);
  }
  return { fields: list.slice(0, -1), signature };
}

function compactFields(ack: Acknowledgement): CborValue[] {
  const { origin, size, root } = ack.checkpoint;
  const [rootBytes, serial, nonce] = [root, ack.serial, ack.nonce].map(hexToBytes);
  return [
    COMPACT_FORMAT,
    ack.site,
    origin,
    size,
    rootBytes as Uint8Array,
    ack.trustRootVersion,
    ack.verdict,
    ack.counter,
    serial as Uint8Array,
    nonce as Uint8Array,
  ];
}

function readCompact(fields: readonly CborValue[]): Acknowledgement {
  const [, site, origin, size, root, trustRootVersion, verdict, counter, serial, nonce] =
    fields.map((value) => (value instanceof Uint8Array ? bytesToHex(value) : value));
  return read({
    site,
    checkpoint: { origin, size, root },
    trustRootVersion,
    verdict,
    counter,
    serial,
    nonce,
  });
}

function read(value: unknown): Acknowledgement {
  const parsed = Acknowledgement.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed(`wrong in ${issue?.path.map(String).join('.')}: ${issue?.message}`);
}

function malformed(why: string, cause?: unknown): AirgapError {
  return new AirgapError('acknowledgement-malformed', `the acknowledgement is ${why}`, { cause });
}
