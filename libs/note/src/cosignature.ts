import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import type { NoteSignature } from './note.js';
import { publicKeyFromRaw, rawPublicKey } from './public-key.js';
import type { PublicKey, SignatureVerifier, Signer } from './signature.js';
import { encodeUtf8 } from './utf8.js';
import {
  MAX_NAME_LENGTH,
  checkKeyHash,
  checkKeyName,
  hashHex,
  splitVerifierKey,
} from './verifier-key.js';

/** Signature types of C2SP tlog-cosignature: Ed25519 is spoken here, ML-DSA-44 only recognised. */
export const COSIGNATURE_TYPE = 0x04;
const ML_DSA_TYPE = 0x06;

const RAW_KEY_SIZE = 32;
const ML_DSA_KEY_SIZE = 1312;
const TIMESTAMP_SIZE = 8;
const SIGNATURE_SIZE = 64;

/** A vkey of ML-DSA-44 has some 1,750 characters after its name. */
const MAX_VKEY_LENGTH = MAX_NAME_LENGTH + 2048;

/**
 * The key of a cosigner such as a witness. Deliberately no VerifierKey, nor the other way round:
 * what the two sign are different messages.
 */
export interface CosignerKey {
  readonly name: string;
  /** The key ID of the specification, an unsigned 32-bit number. */
  readonly keyHash: number;
  readonly publicKey: PublicKey & { readonly algorithm: 'ed25519' };
}

/** A well-formed key of a kind that is not verified here: its cosignatures count for nothing. */
export interface UnsupportedCosignerKey {
  readonly name: string;
  readonly keyHash: number;
  readonly unsupported: 'ml-dsa-44';
}

/** One cosignature: what was signed is the checkpoint's text under this time. */
export interface Cosignature {
  /** Seconds since the epoch, a safe integer. */
  readonly timestamp: number;
  /** 64 bytes of Ed25519. */
  readonly signature: Uint8Array;
}

/**
 * The cosigner's key under its name, by C2SP tlog-cosignature, "Format".
 *
 * @throws NoteError `cosigner-key` when the key is not Ed25519, `key-name`, `public-key`
 */
export function cosignerKey(name: string, publicKey: PublicKey): CosignerKey {
  if (publicKey.algorithm !== 'ed25519') {
    throw new NoteError('cosigner-key', 'a cosigner signs with an Ed25519 key');
  }
  checkKeyName(name);
  const raw = rawPublicKey(publicKey);
  return {
    name,
    keyHash: keyHashOf(name, COSIGNATURE_TYPE, raw),
    publicKey: publicKeyFromRaw('ed25519', raw) as CosignerKey['publicKey'],
  };
}

/** `<name>+<8 hex digits of the key hash>+<base64 of 0x04 and the key>` */
export function formatCosignerKey({ name, keyHash, publicKey }: CosignerKey): string {
  const material = concatBytes(Uint8Array.of(COSIGNATURE_TYPE), rawPublicKey(publicKey));
  return `${name}+${hashHex(keyHash)}+${toBase64(material)}`;
}

/**
 * Reads what formatCosignerKey writes and recomputes the key hash.
 *
 * @throws NoteError `unsupported-key-type` for any other type than 0x04, `verifier-key`,
 * `verifier-key-hash`, `key-name`, `base64`, `public-key`
 */
export function parseCosignerKey(vkey: string): CosignerKey {
  const key = parseAnyCosignerKey(vkey);
  if ('publicKey' in key) return key;
  throw new NoteError('unsupported-key-type', `${key.name} cosigns with ${key.unsupported}`);
}

/** As parseCosignerKey, but a well-formed ML-DSA-44 key is told and not refused. */
export function parseAnyCosignerKey(vkey: string): CosignerKey | UnsupportedCosignerKey {
  const { name, keyHash, material } = splitVerifierKey(vkey, MAX_VKEY_LENGTH);
  checkKeyName(name);
  const [type, raw] = [material[0], material.subarray(1)];
  const size = type === COSIGNATURE_TYPE ? RAW_KEY_SIZE : ML_DSA_KEY_SIZE;
  if (type !== COSIGNATURE_TYPE && type !== ML_DSA_TYPE) {
    throw new NoteError(
      'unsupported-key-type',
      `signature type ${type ?? 'none'} is not 4 (cosignature): the key is not a cosigner's`,
    );
  }
  if (raw.length !== size) {
    throw new NoteError('public-key', `the key of ${name} has ${raw.length} bytes, not ${size}`);
  }
  checkKeyHash(keyHash, keyHashOf(name, type, raw));
  return type === ML_DSA_TYPE
    ? { name, keyHash, unsupported: 'ml-dsa-44' }
    : cosignerKey(name, publicKeyFromRaw('ed25519', raw));
}

/**
 * Reads what stands after the key ID of a cosignature line: timestamp and signature.
 *
 * @throws NoteError `cosignature-malformed`, also for times above 2^53-1
 */
export function parseCosignature(bytes: Uint8Array): Cosignature {
  if (bytes.length !== TIMESTAMP_SIZE + SIGNATURE_SIZE) {
    throw malformed(`it has ${bytes.length} bytes, not ${TIMESTAMP_SIZE + SIGNATURE_SIZE}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const timestamp = Number(view.getBigUint64(0));
  if (!Number.isSafeInteger(timestamp)) throw malformed('its time is above 2^53-1 seconds');
  return { timestamp, signature: bytes.slice(TIMESTAMP_SIZE) };
}

/** @throws NoteError `cosignature-malformed` */
export function formatCosignature({ timestamp, signature }: Cosignature): Uint8Array {
  checkTimestamp(timestamp);
  if (signature.length !== SIGNATURE_SIZE) throw malformed('its signature has not 64 bytes');
  const head = new Uint8Array(TIMESTAMP_SIZE);
  new DataView(head.buffer).setBigUint64(0, BigInt(timestamp));
  return concatBytes(head, signature);
}

/**
 * A cosignature over the text of a checkpoint, as a signature line of its note.
 *
 * @param timestamp seconds since the epoch
 * @throws NoteError `cosignature-malformed` for a time that cannot be written
 */
export async function cosign(
  text: string,
  timestamp: number,
  key: CosignerKey,
  signer: Signer,
): Promise<NoteSignature> {
  checkTimestamp(timestamp);
  const signature = await signer.sign(cosignedMessage(text, timestamp));
  const { name, keyHash } = key;
  return { name, keyHash, signature: formatCosignature({ timestamp, signature }) };
}

/**
 * Verifies a signature line by the cosigner's key and answers its time, in seconds.
 *
 * @param signature a line whose name and key hash are those of the key
 * @throws NoteError `bad-signature`, `cosignature-malformed`
 */
export async function verifyCosignature(
  text: string,
  signature: NoteSignature,
  key: CosignerKey,
  verify: SignatureVerifier,
): Promise<number> {
  const cosignature = parseCosignature(signature.signature);
  const message = cosignedMessage(text, cosignature.timestamp);
  if (!(await verify(key.publicKey, message, cosignature.signature))) {
    throw new NoteError('bad-signature', `the cosignature of ${key.name} is not valid`);
  }
  return cosignature.timestamp;
}

/** C2SP tlog-cosignature, "Ed25519 signed message": two lines before the text of the note. */
function cosignedMessage(text: string, timestamp: number): Uint8Array {
  return encodeUtf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

function checkTimestamp(timestamp: number): void {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw malformed(`its time ${timestamp} is not whole seconds from 0 to 2^53-1`);
  }
}

function keyHashOf(name: string, type: number, raw: Uint8Array): number {
  const hash = sha256(concatBytes(encodeUtf8(`${name}\n`), Uint8Array.of(type), raw));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

function malformed(why: string): NoteError {
  return new NoteError('cosignature-malformed', `the cosignature is malformed: ${why}`);
}
