import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { encodeUtf8 } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { HASHES, type EntryAlgorithm, type HashName } from './algorithms.js';
import { bytesToInteger, CURVES, type EcdsaCurve, type EntryKey } from './spki.js';

type RsaKey = Extract<EntryKey, { type: 'rsa' }>;
type Ed25519Key = Extract<EntryKey, { type: 'ed25519' }>;

/**
 * Whether (r, s) is an ECDSA signature of a digest under an uncompressed point: what a platform can
 * do much faster than JavaScript. Undefined where it cannot tell. `ecdsaDigestCheck` is one.
 */
export type PointCheck = (
  curve: EcdsaCurve,
  publicPoint: Uint8Array,
  digest: Uint8Array,
  r: bigint,
  s: bigint,
) => boolean | undefined;

/**
 * Whether `signature` is one over a message of which only the digest is known, as hashedrekord
 * entries have it. Platforms hash what they are given before they verify, so this is JavaScript, up to
 * some tens of milliseconds of it, but for ECDSA where the platform lends its hand. Never throws:
 * what is no signature does not verify.
 */
export function verifyDigest(
  key: EntryKey,
  algorithm: EntryAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
  check?: PointCheck,
): boolean {
  const { hash, scheme } = algorithm;
  if (hash === undefined || digest.length !== HASHES[hash].size) return false;
  try {
    if (key.type === 'ecdsa') return verifyEcdsa(key, digest, signature, check);
    if (key.type === 'ed25519')
      return scheme === 'ed25519ph' && verifyEd25519ph(key, digest, signature);
    if (scheme === 'rsa-pss') return verifyPss(key, hash, digest, signature);
    return scheme === 'rsa-pkcs1' && verifyPkcs1(key, hash, digest, signature);
  } catch {
    return false;
  }
}

/** ECDSA (FIPS 186-5 section 6.4.2) with a DER signature; a high S is as good as a low one. */
function verifyEcdsa(
  key: Extract<EntryKey, { type: 'ecdsa' }>,
  digest: Uint8Array,
  signature: Uint8Array,
  check: PointCheck | undefined,
): boolean {
  if (check) {
    const { r, s } = CURVES[key.curve].Signature.fromBytes(signature, 'der');
    const checked = check(key.curve, key.point, digest, r, s);
    if (checked !== undefined) return checked;
  }
  const options = { prehash: false, lowS: false, format: 'der' } as const;
  return CURVES[key.curve].verify(signature, digest, key.point, options);
}

/** `dom2(1, "")` of RFC 8032 section 5.1: pre-hashed, no context. */
const DOM2_PH = concatBytes(encodeUtf8('SigEd25519 no Ed25519 collisions'), Uint8Array.of(1, 0));

/** Ed25519ph (RFC 8032 section 5.1.7) without the cofactor, as Go and OpenSSL check it. */
function verifyEd25519ph({ raw }: Ed25519Key, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const { Point } = ed25519;
  const commitment = signature.subarray(0, 32);
  const s = bytesToInteger(signature.slice(32).reverse());
  if (s >= Point.Fn.ORDER) return false;
  const challenge = sha512(concatBytes(DOM2_PH, commitment, raw, digest));
  const k = bytesToInteger(challenge.reverse()) % Point.Fn.ORDER;
  const base = s === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(s);
  const minusKey = Point.fromBytes(raw).negate();
  const expected = base.add(k === 0n ? Point.ZERO : minusKey.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), commitment);
}

/** DER of DigestInfo up to the digest: RFC 8017 section 9.2, note 1. */
const DIGEST_INFO: Readonly<Record<HashName, Uint8Array>> = {
  sha256: hexToBytes('3031300d060960864801650304020105000420'),
  sha384: hexToBytes('3041300d060960864801650304020205000430'),
  sha512: hexToBytes('3051300d060960864801650304020305000440'),
};

/** RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2): encoded anew and compared, never parsed. */
function verifyPkcs1(
  key: RsaKey,
  hash: HashName,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = openRsa(key, signature);
  const tail = concatBytes(Uint8Array.of(0), DIGEST_INFO[hash], digest);
  const expected = new Uint8Array(key.bits / 8).fill(0xff);
  expected.set([0, 1]);
  expected.set(tail, expected.length - tail.length);
  return encoded !== undefined && equalBytes(encoded, expected);
}

/** RSASSA-PSS (RFC 8017 section 9.1.2), MGF1 with the same hash, a salt of any length. */
function verifyPss(
  key: RsaKey,
  hash: HashName,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = openRsa(key, signature);
  if (encoded?.at(-1) !== 0xbc || (encoded[0] as number) >= 0x80) return false;
  const { size, digest: hashOf } = HASHES[hash];
  const masked = encoded.subarray(0, encoded.length - size - 1);
  const seed = encoded.subarray(masked.length, encoded.length - 1);
  const pad = mask(seed, masked.length, hashOf);
  const block = masked.map((byte, i) => byte ^ (pad[i] as number));
  block[0] = (block[0] as number) & 0x7f;
  const one = block.findIndex((byte) => byte !== 0);
  if (block[one] !== 1) return false;
  const salt = block.subarray(one + 1);
  return equalBytes(seed, hashOf(concatBytes(new Uint8Array(8), digest, salt)));
}

function mask(
  seed: Uint8Array,
  length: number,
  hashOf: (data: Uint8Array) => Uint8Array,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0, have = 0; have < length; counter++) {
    const block = hashOf(concatBytes(seed, Uint8Array.of(0, 0, counter >> 8, counter & 0xff)));
    blocks.push(block);
    have += block.length;
  }
  return concatBytes(...blocks).subarray(0, length);
}

/** The encoded message under a signature (RSAVP1, RFC 8017 section 5.2.2). */
function openRsa({ bits, n, e }: RsaKey, signature: Uint8Array): Uint8Array | undefined {
  const s = bytesToInteger(signature);
  if (signature.length !== bits / 8 || s >= n) return undefined;
  let result = 1n;
  let square = s;
  for (let exponent = e; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % n;
    square = (square * square) % n;
  }
  return hexToBytes(result.toString(16).padStart(bits / 4, '0'));
}
