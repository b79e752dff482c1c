import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { fromBase64, toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import { publicKeyFromRaw, publicKeyFromSpki, rawPublicKey } from './public-key.js';
import type { PublicKey, SignatureAlgorithm } from './signature.js';
import { encodeUtf8 } from './utf8.js';

/** Signature types of C2SP signed-note that are spoken here. */
export const ED25519_TYPE = 0x01;
export const ECDSA_TYPE = 0x02;

const TYPES: Readonly<Record<SignatureAlgorithm, number>> = {
  ed25519: ED25519_TYPE,
  'ecdsa-p256-sha256': ECDSA_TYPE,
};

/** A key that notes can be verified with; written as a vkey, `name+hash+base64`. */
export interface VerifierKey {
  readonly name: string;
  /** The key ID of the specification, an unsigned 32-bit number. */
  readonly keyHash: number;
  /** Signature type: 0x01 Ed25519, 0x02 ECDSA */
  readonly type: number;
  readonly publicKey: PublicKey;
}

/** Longest key name, in UTF-16 units. The specification sets no bound. */
export const MAX_NAME_LENGTH = 1024;
const MAX_VKEY_LENGTH = MAX_NAME_LENGTH + 256;

/**
 * Refuses a name that a signature line could not carry.
 *
 * @throws NoteError `key-name`
 */
export function checkKeyName(name: string): void {
  if (!isKeyName(name)) {
    throw new NoteError(
      'key-name',
      `a key name has 1 to ${MAX_NAME_LENGTH} characters and neither white space, plus signs nor ` +
        'control characters',
    );
  }
}

export function isKeyName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= MAX_NAME_LENGTH &&
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    !/[\p{White_Space}\p{Surrogate}+\u0000-\u001f]/u.test(name)
  );
}

/**
 * A verifier key under a name. Its key hash is the first four bytes of SHA-256 over name, line
 * feed, type and raw key for Ed25519, and over the SubjectPublicKeyInfo alone for ECDSA, as C2SP
 * signed-note has it for either.
 *
 * @throws NoteError `key-name`, `public-key`
 */
export function verifierKey(name: string, publicKey: PublicKey): VerifierKey {
  checkKeyName(name);
  const checked = publicKeyFromSpki(publicKey.spki);
  if (checked.algorithm !== publicKey.algorithm) {
    throw new NoteError('public-key', `the key is not one of ${publicKey.algorithm}`);
  }
  const hash = fullKeyHash(name, checked);
  const keyHash = new DataView(hash.buffer, hash.byteOffset).getUint32(0);
  return { name, keyHash, type: TYPES[checked.algorithm], publicKey: checked };
}

/**
 * All 32 bytes of the hash whose first four are the key hash. Rekor v2 names a log by it.
 */
export function fullKeyHash(name: string, publicKey: PublicKey): Uint8Array {
  return publicKey.algorithm === 'ed25519'
    ? sha256(concatBytes(encodeUtf8(`${name}\n`), keyMaterial(publicKey)))
    : sha256(publicKey.spki);
}

/** `<name>+<8 hex digits of the key hash>+<base64 of type and key>` */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${hashHex(key.keyHash)}+${toBase64(keyMaterial(key.publicKey))}`;
}

/**
 * Reads what formatVerifierKey writes and recomputes the key hash.
 *
 * @throws NoteError `verifier-key`, `verifier-key-hash`, `key-name`, `base64`, `public-key`,
 * `unsupported-key-type`
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  const { name, keyHash, material } = splitVerifierKey(vkey, MAX_VKEY_LENGTH);
  const key = verifierKey(name, keyFromMaterial(material));
  checkKeyHash(keyHash, key.keyHash);
  return key;
}

/**
 * The three parts of a vkey of any type. The name is not checked, nor whether the hash fits.
 *
 * @throws NoteError `verifier-key`, `base64`
 */
export function splitVerifierKey(
  vkey: string,
  maxLength: number,
): { name: string; keyHash: number; material: Uint8Array } {
  if (vkey.length > maxLength) {
    throw new NoteError('verifier-key', `a verifier key has at most ${maxLength} characters`);
  }
  // The base64 part may have plus signs of its own.
  const match = /^([^+]*)\+([0-9a-f]{8})\+([^]+)$/u.exec(vkey);
  if (match === null) {
    throw new NoteError(
      'verifier-key',
      'a verifier key is a name, eight lower-case hex digits and base64, joined by plus signs',
    );
  }
  const [, name, hash, material] = match as unknown as [string, string, string, string];
  return { name, keyHash: Number.parseInt(hash, 16), material: fromBase64(material) };
}

/** @throws NoteError `verifier-key-hash` */
export function checkKeyHash(stated: number, derived: number): void {
  if (stated === derived) return;
  throw new NoteError(
    'verifier-key-hash',
    `the verifier key says its hash is ${hashHex(stated)}, but name and key give ` +
      hashHex(derived),
  );
}

/** A key hash as a vkey has it: eight lower-case hex digits. */
export function hashHex(keyHash: number): string {
  return keyHash.toString(16).padStart(8, '0');
}

/** Type byte, then 32 raw bytes for Ed25519 and the SubjectPublicKeyInfo for ECDSA. */
function keyMaterial(publicKey: PublicKey): Uint8Array {
  const { algorithm, spki } = publicKey;
  const key = algorithm === 'ed25519' ? rawPublicKey(publicKey) : spki;
  return concatBytes(Uint8Array.of(TYPES[algorithm]), key);
}

function keyFromMaterial(material: Uint8Array): PublicKey {
  const [type, key] = [material[0], material.subarray(1)];
  if (type === ED25519_TYPE) return publicKeyFromRaw('ed25519', key);
  if (type !== ECDSA_TYPE) {
    throw new NoteError(
      'unsupported-key-type',
      `signature type ${type ?? 'none'} is not 1 (Ed25519) or 2 (ECDSA P-256)`,
    );
  }
  const publicKey = publicKeyFromSpki(key);
  if (publicKey.algorithm !== 'ecdsa-p256-sha256') {
    throw new NoteError('public-key', 'a verifier key of type 2 carries no Ed25519 key');
  }
  return publicKey;
}
