import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { AttestError } from '../errors.js';
import type { EcdsaCurve, EntryKey } from './spki.js';

export type HashName = 'sha256' | 'sha384' | 'sha512';

/** Name in protobuf-specs, `HashAlgorithm`; bytes of a digest; the function itself. */
export const HASHES: Readonly<
  Record<HashName, { name: string; size: number; digest: (data: Uint8Array) => Uint8Array }>
> = {
  sha256: { name: 'SHA2_256', size: 32, digest: sha256 },
  sha384: { name: 'SHA2_384', size: 48, digest: sha384 },
  sha512: { name: 'SHA2_512', size: 64, digest: sha512 },
};

/** One row of the registry of algorithms that entries may be signed with. */
export interface EntryAlgorithm {
  /** Name in protobuf-specs, `PublicKeyDetails`. */
  readonly keyDetails: string;
  /** What is hashed before it is signed; absent for Ed25519 without pre-hash. */
  readonly hash?: HashName;
  readonly scheme: 'ecdsa' | 'ed25519' | 'ed25519ph' | 'rsa-pkcs1' | 'rsa-pss';
  readonly curve?: EcdsaCurve;
  readonly bits?: number;
}

const RSA_BITS = [2048, 3072, 4096] as const;

/**
 * The algorithms of sigstore's registry that are not deprecated there. The first row that fits a
 * key is the one a client uses that was told nothing else.
 */
export const ENTRY_ALGORITHMS: readonly EntryAlgorithm[] = [
  { keyDetails: 'PKIX_ECDSA_P256_SHA_256', hash: 'sha256', scheme: 'ecdsa', curve: 'P-256' },
  { keyDetails: 'PKIX_ECDSA_P384_SHA_384', hash: 'sha384', scheme: 'ecdsa', curve: 'P-384' },
  { keyDetails: 'PKIX_ECDSA_P521_SHA_512', hash: 'sha512', scheme: 'ecdsa', curve: 'P-521' },
  { keyDetails: 'PKIX_ED25519_PH', hash: 'sha512', scheme: 'ed25519ph' },
  { keyDetails: 'PKIX_ED25519', scheme: 'ed25519' },
  ...RSA_BITS.map((bits): EntryAlgorithm => ({
    keyDetails: `PKIX_RSA_PKCS1V15_${bits}_SHA256`,
    hash: 'sha256',
    scheme: 'rsa-pkcs1',
    bits,
  })),
  ...RSA_BITS.map((bits): EntryAlgorithm => ({
    keyDetails: `PKIX_RSA_PSS_${bits}_SHA256`,
    hash: 'sha256',
    scheme: 'rsa-pss',
    bits,
  })),
];

const BY_NAME = new Map(ENTRY_ALGORITHMS.map((row) => [row.keyDetails, row]));

/** @throws AttestError `algorithm-unsupported` */
export function entryAlgorithm(keyDetails: string): EntryAlgorithm {
  const algorithm = BY_NAME.get(keyDetails);
  if (algorithm) return algorithm;
  throw new AttestError(
    'algorithm-unsupported',
    `${JSON.stringify(keyDetails.slice(0, 64))} is no algorithm of this log; it takes ` +
      [...BY_NAME.keys()].join(', '),
  );
}

/** The algorithms that a key can sign with, the usual one first. */
export function algorithmsOf(key: EntryKey): EntryAlgorithm[] {
  return ENTRY_ALGORITHMS.filter((algorithm) => fits(algorithm, key));
}

/**
 * Those of them that sign a digest of this hash.
 *
 * @throws AttestError `algorithm-mismatch` when there are none
 */
export function digestAlgorithmsOf(key: EntryKey, hash: HashName): EntryAlgorithm[] {
  const rows = algorithmsOf(key).filter((row) => row.hash === hash);
  if (rows.length > 0) return rows;
  throw new AttestError('algorithm-mismatch', `no entry has ${hash} signed by ${kindOf(key)}`);
}

/** @throws AttestError `algorithm-mismatch` when the key is of another kind, curve or size */
export function checkAlgorithm(algorithm: EntryAlgorithm, key: EntryKey): void {
  if (fits(algorithm, key)) return;
  throw new AttestError(
    'algorithm-mismatch',
    `the key is ${kindOf(key)}, which ${algorithm.keyDetails} is not for`,
  );
}

function kindOf(key: EntryKey): string {
  if (key.type === 'ecdsa') return key.curve;
  return key.type === 'rsa' ? `RSA of ${key.bits} bits` : 'Ed25519';
}

function fits({ scheme, curve, bits }: EntryAlgorithm, key: EntryKey): boolean {
  if (key.type === 'ecdsa') return scheme === 'ecdsa' && curve === key.curve;
  if (key.type === 'rsa') return bits === key.bits;
  return scheme === 'ed25519' || scheme === 'ed25519ph';
}
