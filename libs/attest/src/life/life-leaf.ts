import {
  encodeUtf8,
  formatVerifierKey,
  fromBase64,
  parseVerifierKey,
  toBase64,
  type SignatureVerifier,
  type Signer,
  type VerifierKey,
} from '@touchstone/note';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { equalBytes } from '../bytes.js';
import { canonicalJson } from '../canonical-json.js';
import { paeBytes } from '../dsse.js';
import { AttestError } from '../errors.js';
import { parseBy, parseJson } from '../json.js';

export const LOG_LIFE_SCHEMA = 'https://touchstone.dev/log-life/v1';
/** What is signed is the DSSE pre-authentication encoding with this type: no other kind of text. */
const SIGNED_TYPE = 'application/vnd.touchstone.log-life+json';
/** Canonical JSON sorts, so every leaf of this kind begins like this. */
const LIFE_LEAF_PREFIX: Uint8Array = encodeUtf8('{"apiVersion":"0.0.1","kind":"life",');
const MAX_LEAF_BYTES = 8_192;

const schema = z.literal(LOG_LIFE_SCHEMA);
/** Of the log, so that an event is worth nothing in another one. */
const origin = z.string().min(1).max(256);
const at = z.iso.datetime({ precision: 0 });
/** Verifier key (C2SP signed-note), named by the origin. */
const vkey = z.string().min(1).max(1_024);

/** What a log says about itself, by a leaf. */
export const LifeEvent = z.discriminatedUnion('event', [
  /** From this leaf on `to` signs every checkpoint beside `from`. Signed by both. */
  z.strictObject({ schema, origin, event: z.literal('rotate'), at, from: vkey, to: vkey }),
  /** Checkpoints of more leaves than those up to this one are signed by `by` alone. */
  z.strictObject({ schema, origin, event: z.literal('retire'), at, key: vkey, by: vkey }),
  /** This is the last leaf. */
  z.strictObject({ schema, origin, event: z.literal('freeze'), at, by: vkey }),
]);
export type LifeEvent = z.infer<typeof LifeEvent>;

const LifeLeaf = z.strictObject({
  apiVersion: z.literal('0.0.1'),
  kind: z.literal('life'),
  spec: z.strictObject({
    event: LifeEvent,
    /** Base64, in the order of {@link lifeSigners}. */
    signatures: z.array(base64Text(2048).min(1)).min(1).max(2),
  }),
});

/** Whether a leaf is of the kind that tells of the log itself; whether it holds shows later. */
export function isLifeLeaf(leaf: Uint8Array): boolean {
  return equalBytes(leaf.subarray(0, LIFE_LEAF_PREFIX.length), LIFE_LEAF_PREFIX);
}

/** The keys that must sign an event, in order. */
export function lifeSigners(event: LifeEvent): string[] {
  return event.event === 'rotate' ? [event.from, event.to] : [event.by];
}

/** The leaf of an event: canonical JSON, signed by the keys it names, in that order. */
export async function lifeLeaf(event: LifeEvent, signers: readonly Signer[]): Promise<Uint8Array> {
  checkEvent(event);
  const message = signedBytes(event);
  const signatures = await Promise.all(
    signers.map(async (signer) => toBase64(await signer.sign(message))),
  );
  const leaf = { apiVersion: '0.0.1', kind: 'life', spec: { event, signatures } };
  return encodeUtf8(canonicalJson(leaf));
}

/**
 * Reads the leaf of an event and checks that the keys which it names signed it. Whether these are
 * keys of the log is what {@link advanceLife} says.
 *
 * @throws AttestError `life-malformed`, `life-signature`
 */
export async function openLifeLeaf(
  leaf: Uint8Array,
  verify: SignatureVerifier,
): Promise<LifeEvent> {
  const { event, signatures } = readLifeLeaf(leaf);
  const keys = checkEvent(event);
  if (keys.length !== signatures.length) {
    throw new AttestError('life-malformed', `${event.event} has ${keys.length} signatures`);
  }
  const message = signedBytes(event);
  for (const [i, key] of keys.entries()) {
    if (await verify(key.publicKey, message, fromBase64(signatures[i] ?? ''))) continue;
    throw new AttestError('life-signature', `${formatVerifierKey(key)} did not sign the event`);
  }
  return event;
}

function readLifeLeaf(leaf: Uint8Array): z.infer<typeof LifeLeaf>['spec'] {
  const code = 'life-malformed';
  let value: unknown;
  try {
    value = parseJson(leaf, MAX_LEAF_BYTES);
  } catch (cause) {
    throw new AttestError(code, 'the event of the log is not JSON', { cause });
  }
  const { spec } = parseBy(LifeLeaf, value, code, 'event of the log');
  if (!equalBytes(leaf, encodeUtf8(canonicalJson(value)))) {
    throw new AttestError(code, 'the event of the log is not canonical JSON (RFC 8785)');
  }
  return spec;
}

/** What the schema cannot say; the keys that must sign. */
function checkEvent(event: LifeEvent): VerifierKey[] {
  const texts = lifeSigners(event);
  if (event.event === 'retire') texts.push(event.key);
  if (new Set(texts).size !== texts.length) {
    throw new AttestError('life-malformed', `${event.event}: the two keys are one`);
  }
  const keys = texts.map((text) => readKey(text, event.origin));
  return event.event === 'retire' ? keys.slice(0, 1) : keys;
}

function readKey(text: string, name: string): VerifierKey {
  try {
    const key = parseVerifierKey(text);
    if (key.name === name && formatVerifierKey(key) === text) return key;
  } catch (cause) {
    throw new AttestError('life-malformed', `${text} is no verifier key`, { cause });
  }
  throw new AttestError('life-malformed', `${text} is no verifier key of ${name}`);
}

function signedBytes(event: LifeEvent): Uint8Array {
  return paeBytes(SIGNED_TYPE, encodeUtf8(canonicalJson(event)));
}
