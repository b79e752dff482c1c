import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { encodeCbor, type CborValue } from '@touchstone/attest';
import { HASH_SIZE, type Sha256 } from '@touchstone/merkle';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { AirgapError } from './errors.js';

/**
 * The tree over the digests of all parts of one file (SimpleMerkleTree, hashed by SHA-256), and what
 * every document that names such a file says of it. Leaves are lists in CBOR and nodes begin with
 * 01, so that none passes for the other.
 */

export const PART_FORMAT = 'touchstone-part/1';

export const PART_LIMITS = {
  /** Smallest that a caller may ask for: a head with its path takes up to a kilobyte. */
  partBytes: 2048,
  parts: 65_536,
  headBytes: 4096,
} as const;

/** How a file is cut. */
export interface PartShape {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes of the file in each part but the last. */
  readonly step: number;
  readonly count: number;
}

/** One part of it. */
export interface PartDigest {
  /** From 0. */
  readonly index: number;
  /** SHA-256 of this part's bytes of the file. */
  readonly sha256: Uint8Array;
}

/** @param digests SHA-256 of each part's bytes, in order */
export function partTree(
  digests: readonly Uint8Array[],
  { size, step }: Omit<PartShape, 'count'>,
  sha256: Sha256,
): SimpleMerkleTree {
  const shape = { size, step, count: digests.length };
  const leaves = digests.map((digest, index) => partLeaf(shape, { index, sha256: digest }, sha256));
  return SimpleMerkleTree.of(leaves, { nodeHash: partNodeHash(sha256) });
}

/** Binds place and length as well: the tree sorts its leaves, so their order says nothing. */
export function partLeaf(
  { size, step, count }: PartShape,
  { index, sha256: digest }: PartDigest,
  sha256: Sha256,
): HexHash {
  return toHex(sha256(encodeCbor([PART_FORMAT, size, step, count, index, digest])));
}

export function partNodeHash(sha256: Sha256): (a: Bytes, b: Bytes) => HexHash {
  return (a, b) => {
    const [left, right] = [bytesFrom(a), bytesFrom(b)].sort(compareBytes);
    return toHex(sha256(concatBytes(Uint8Array.of(1), left as Uint8Array, right as Uint8Array)));
  };
}

/** A hash as that library takes it. */
export type HexHash = `0x${string}`;

export function toHex(hash: Uint8Array): HexHash {
  return `0x${bytesToHex(hash)}`;
}

export function fromHex(hash: string): Uint8Array {
  return hexToBytes(hash.slice(2));
}

/** Reads fields of a document, and says of which kind of document one is wrong. */
export class PartFields {
  constructor(private readonly subject: string) {}

  /** @throws AirgapError `part-malformed` */
  shape(size: CborValue | undefined, step: CborValue | undefined, count: unknown): PartShape {
    const shape = {
      size: this.number(size, 'size'),
      step: this.number(step, 'step'),
      count: this.number(count, 'count'),
    };
    if (shape.count > PART_LIMITS.parts) {
      throw this.malformed(`count is over ${PART_LIMITS.parts}`);
    }
    if (shape.step < 1 || shape.count !== Math.max(1, Math.ceil(shape.size / shape.step))) {
      throw this.malformed('count does not follow from size and step');
    }
    return shape;
  }

  hash(value: CborValue | undefined, field: string): Uint8Array {
    if (value instanceof Uint8Array && value.length === HASH_SIZE) return value;
    throw this.malformed(`${field} is no hash of ${HASH_SIZE} bytes`);
  }

  number(value: unknown, field: string): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.malformed(`${field} is no whole number`);
  }

  malformed(why: string, cause?: unknown): AirgapError {
    return new AirgapError('part-malformed', `${this.subject} cannot be used: ${why}`, { cause });
  }
}

type Bytes = ArrayLike<number> | string;

function bytesFrom(value: Bytes): Uint8Array {
  return typeof value === 'string' ? fromHex(value) : Uint8Array.from(value);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at === -1 ? 0 : (a[at] as number) - (b[at] as number);
}
