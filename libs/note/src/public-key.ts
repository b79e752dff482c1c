import { p256 } from '@noble/curves/nist.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { NoteError } from './errors.js';
import type { PublicKey, SignatureAlgorithm } from './signature.js';

/** What stands before the key itself in its one DER form. */
const PREFIXES: Readonly<Record<SignatureAlgorithm, Uint8Array>> = {
  // RFC 8410 section 4: SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING }
  ed25519: hexToBytes('302a300506032b6570032100'),
  // RFC 5480 section 2: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }
  'ecdsa-p256-sha256': hexToBytes('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
};

/** 32 bytes of RFC 8032, or 65 of SEC 1: 0x04, x and y. */
const RAW_SIZES: Readonly<Record<SignatureAlgorithm, number>> = {
  ed25519: 32,
  'ecdsa-p256-sha256': 65,
};

const ALGORITHMS = Object.keys(PREFIXES) as SignatureAlgorithm[];

/**
 * Reads a DER SubjectPublicKeyInfo of Ed25519 or P-256, in the one encoding that each has: named
 * curve, uncompressed point. The point must be on its curve and, for Ed25519, of large order in
 * its canonical form.
 *
 * @throws NoteError `public-key`
 */
export function publicKeyFromSpki(spki: Uint8Array): PublicKey {
  const algorithm = ALGORITHMS.find((name) => hasForm(name, spki));
  if (algorithm === undefined) {
    throw new NoteError(
      'public-key',
      'the bytes are no DER SubjectPublicKeyInfo of an Ed25519 or uncompressed P-256 key',
    );
  }
  const key: PublicKey = { algorithm, spki: new Uint8Array(spki) };
  const raw = rawPublicKey(key);
  try {
    if (algorithm === 'ed25519') ed25519.Point.fromBytes(raw);
    else p256.Point.fromBytes(raw).assertValidity();
  } catch (cause) {
    throw new NoteError('public-key', `the ${algorithm} key is no point of its curve`, { cause });
  }
  return key;
}

/** The key in its own encoding made into a PublicKey, checked as publicKeyFromSpki does. */
export function publicKeyFromRaw(algorithm: SignatureAlgorithm, raw: Uint8Array): PublicKey {
  return publicKeyFromSpki(concatBytes(PREFIXES[algorithm], raw));
}

/**
 * The key without its DER wrapping: 32 bytes for Ed25519, 65 for P-256. Checks everything but
 * whether the point is on the curve, which whoever computes with it finds out anyway.
 *
 * Ed25519 keys of small order, and points in a form that is not canonical, are refused here
 * because implementations differ in what they make of them; so none gets to see them.
 *
 * @throws NoteError `public-key`
 */
export function rawPublicKey({ algorithm, spki }: PublicKey): Uint8Array {
  if (!ALGORITHMS.includes(algorithm) || !hasForm(algorithm, spki)) {
    throw new NoteError('public-key', `the key is no DER SubjectPublicKeyInfo of ${algorithm}`);
  }
  const raw = spki.subarray(PREFIXES[algorithm].length);
  if (algorithm === 'ed25519' && !isSoundEdwardsPoint(raw)) {
    throw new NoteError('public-key', 'the Ed25519 key is of small order or not canonical');
  }
  return raw;
}

/** The name of a key in envelopes and lists: hex SHA-256 of its DER SubjectPublicKeyInfo. */
export function keyId(key: PublicKey): string {
  return bytesToHex(sha256(key.spki));
}

function hasForm(algorithm: SignatureAlgorithm, spki: Uint8Array): boolean {
  const prefix = PREFIXES[algorithm];
  return (
    spki.length === prefix.length + RAW_SIZES[algorithm] &&
    prefix.every((byte, i) => byte === spki[i]) &&
    (algorithm === 'ed25519' || spki[prefix.length] === 0x04)
  );
}

/** The y coordinates, little-endian hex, of the eight points whose order divides 8. */
const SMALL_ORDER_Y = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

function isSoundEdwardsPoint(raw: Uint8Array): boolean {
  const y = new Uint8Array(raw);
  y[31] = (y[31] as number) & 0x7f;
  // p = 2^255 - 19, so y >= p means all bits set above a lowest byte of at least 0xed.
  const notCanonical =
    (y[0] as number) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return !notCanonical && !SMALL_ORDER_Y.has(bytesToHex(y));
}
