import { z } from 'zod';

/** Hex digits of the algorithms we know; in-toto attestation v1, "DigestSet". Git has two hashes. */
const HEX_LENGTHS: ReadonlyMap<string, readonly number[]> = new Map([
  ['sha1', [40]],
  ['sha224', [56]],
  ['sha256', [64]],
  ['sha384', [96]],
  ['sha512', [128]],
  ['sha3_256', [64]],
  ['sha3_384', [96]],
  ['sha3_512', [128]],
  ['gitCommit', [40, 64]],
  ['gitTree', [40, 64]],
  ['gitBlob', [40, 64]],
  ['gitTag', [40, 64]],
]);

const MAX_ALGORITHMS = 16;

/** SHA-256 as 64 lower-case hex digits. */
export const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** A digest set that holds SHA-256 and nothing else, as every digest of our own predicates. */
export const Sha256Digest = z.strictObject({ sha256: Sha256Hex });

/**
 * Digests of one thing by algorithm name, at least one. Known algorithms must have their own
 * number of lower-case hex digits; values of unknown ones are kept and never compared.
 */
export const DigestSet = z
  .record(z.string().min(1).max(64), z.string().min(1).max(256))
  .superRefine((digests, context) => {
    const algorithms = Object.keys(digests);
    if (algorithms.length === 0) context.addIssue('must hold at least one digest');
    if (algorithms.length > MAX_ALGORITHMS) {
      context.addIssue(`must hold at most ${MAX_ALGORITHMS} digests`);
    }
    for (const [algorithm, digest] of Object.entries(digests)) {
      const lengths = HEX_LENGTHS.get(algorithm);
      if (lengths && !(lengths.includes(digest.length) && /^[0-9a-f]+$/.test(digest))) {
        context.addIssue({
          code: 'custom',
          path: [algorithm],
          message: `must be ${lengths.join(' or ')} lower-case hex digits`,
        });
      }
    }
  });

export type Sha256Digest = z.infer<typeof Sha256Digest>;
export type DigestSet = z.infer<typeof DigestSet>;
