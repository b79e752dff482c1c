import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { decodeCbor, encodeCbor, type CborValue } from '@touchstone/attest';
import type { Sha256 } from '@touchstone/merkle';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { same } from './bytes.js';
import { AirgapError } from './errors.js';
import { joinHashes, splitHashes } from './hash-run.js';
import {
  fromHex,
  PART_LIMITS,
  PartFields,
  partLeaf,
  partNodeHash,
  partTree,
  toHex,
  type HexHash,
  type PartDigest,
  type PartShape,
} from './part-tree.js';

/**
 * Some parts of a file, handed on with one proof that they are of it:
 *
 *   [format, whole, size, step, count, [index*], digests, proof, flags]
 *
 * in deterministic CBOR. `digests` are the SHA-256 of the chosen parts, joined, and `proof` the hashes
 * of the multi-proof. `flags` has one bit for each step of folding, the highest bit first, the last
 * byte filled up with zeros: 1 takes two hashes that are known, 0 takes the second from `proof`. The
 * leaves, in the order of their hashes, begin the queue. Hashes and tree are those of the parts' own heads.
 *
 * Like a head it finds damage and mix-ups. Whoever wants to know that the whole is the right one
 * compares its name with that of somebody who has it.
 */
const FORMAT = 'touchstone-parts/1';
const HASHES = PART_LIMITS.parts * 32;

/** More than any can have: a hash and an index for each part, a bit for each node, and the head. */
export const PART_SUBSET_BYTES = HASHES + PART_LIMITS.parts * 4;
const LIMITS = { bytes: PART_SUBSET_BYTES, depth: 2, items: PART_LIMITS.parts + 16 };

const fields = new PartFields('the proof of parts');

export interface PartSubset extends PartShape {
  /** Root of the tree over all parts: the name of the whole. */
  readonly whole: Uint8Array;
  /** At least one, by ascending index. */
  readonly parts: readonly PartDigest[];
  readonly proof: readonly Uint8Array[];
  readonly flags: readonly boolean[];
}

/**
 * Chooses parts of a file of which all are known.
 *
 * @param digests SHA-256 of each part's bytes, in order
 * @param indices from 0, in any order
 * @throws AirgapError `plan` when an index is no part's, stands twice, or there is none
 */
export function choosePartSubset(
  digests: readonly Uint8Array[],
  { size, step }: Omit<PartShape, 'count'>,
  indices: readonly number[],
  sha256: Sha256 = nobleSha256,
): PartSubset {
  const chosen = [...new Set(indices)].sort((a, b) => a - b);
  if (chosen.length === 0) throw new AirgapError('plan', 'no part is chosen');
  if (chosen.length !== indices.length) throw new AirgapError('plan', 'a part is chosen twice');
  const parts = chosen.map((index) => {
    const digest = digests[index];
    if (digest !== undefined) return { index, sha256: digest };
    throw new AirgapError('plan', `there is no part ${index + 1} of ${digests.length}`);
  });
  const tree = partTree(digests, { size, step }, sha256);
  const { proof, proofFlags: flags } = tree.getMultiProof(chosen);
  const whole = fromHex(tree.root);
  return { whole, size, step, count: digests.length, parts, proof: proof.map(fromHex), flags };
}

export function encodePartSubset({
  whole,
  size,
  step,
  count,
  parts,
  proof,
  flags,
}: PartSubset): Uint8Array {
  return encodeCbor([
    ...[FORMAT, whole, size, step, count],
    parts.map(({ index }) => index),
    joinHashes(parts.map(({ sha256 }) => sha256)),
    joinHashes(proof),
    packFlags(flags),
  ]);
}

/**
 * Reads what encodePartSubset writes, and nothing else, and verifies the proof in it.
 *
 * @throws AirgapError `part-malformed` names the field; `part-digest` when the parts are not in the
 *   tree that is named
 */
export function decodePartSubset(bytes: Uint8Array, sha256: Sha256 = nobleSha256): PartSubset {
  const [format, whole, size, step, count, indices, digests, proof, flags, ...more] = listOf(bytes);
  if (format !== FORMAT || more.length > 0) throw fields.malformed(`it is no ${FORMAT}`);
  const shape = fields.shape(size, step, count);
  const chosen = indicesOf(indices, shape);
  const hashes = hashesOf(proof, 'proof');
  // What is known and what the proof adds are leaves of one binary tree, so no more than its leaves.
  if (chosen.length + hashes.length > shape.count) throw fields.malformed('proof is too long');
  const subset: PartSubset = {
    whole: fields.hash(whole, 'whole'),
    ...shape,
    parts: digestsOf(digests, chosen),
    proof: hashes,
    flags: unpackFlags(flags, chosen.length + hashes.length - 1),
  };
  if (!same(encodePartSubset(subset), bytes))
    throw fields.malformed('it is not in its one encoding');
  if (!isProven(subset, sha256)) {
    throw new AirgapError(
      'part-digest',
      'the parts are not proven to be of the file that is named',
    );
  }
  return subset;
}

function isProven({ whole, parts, proof, flags, ...shape }: PartSubset, sha256: Sha256): boolean {
  const taken = flags.filter((known) => !known).length;
  if (taken !== proof.length) return false;
  // The tree sorts its leaves, and begins its multi-proofs with the first of them.
  const leaves: HexHash[] = parts.map((part) => partLeaf(shape, part, sha256)).sort();
  try {
    return SimpleMerkleTree.verifyMultiProof(
      toHex(whole),
      { leaves, proof: proof.map(toHex), proofFlags: [...flags] },
      partNodeHash(sha256),
    );
  } catch {
    // Flags that take more than there is: the library throws instead of answering.
    return false;
  }
}

function listOf(bytes: Uint8Array): readonly CborValue[] {
  try {
    const value = decodeCbor(bytes, LIMITS);
    return Array.isArray(value) ? (value as CborValue[]) : [];
  } catch (cause) {
    throw fields.malformed('it is no deterministic CBOR', cause);
  }
}

function indicesOf(value: CborValue | undefined, { count }: PartShape): number[] {
  const list = Array.isArray(value) ? (value as CborValue[]) : [];
  if (list.length === 0) throw fields.malformed('indices is no list of at least one');
  let last = -1;
  return list.map((one) => {
    const index = fields.number(one, 'indices');
    if (index <= last) throw fields.malformed('indices do not ascend');
    if (index >= count) throw fields.malformed(`indices go beyond ${count} parts`);
    last = index;
    return index;
  });
}

function digestsOf(value: CborValue | undefined, indices: readonly number[]): PartDigest[] {
  const digests = hashesOf(value, 'digests');
  if (digests.length !== indices.length) {
    throw fields.malformed(`digests are ${digests.length}, and indices ${indices.length}`);
  }
  return indices.map((index, at) => ({ index, sha256: digests[at] as Uint8Array }));
}

function hashesOf(value: CborValue | undefined, field: string): Uint8Array[] {
  const hashes = value instanceof Uint8Array ? splitHashes(value) : undefined;
  if (hashes === undefined) throw fields.malformed(`${field} is no run of hashes`);
  return hashes;
}

function packFlags(flags: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, at) => {
    if (flag) bytes[at >> 3] = (bytes[at >> 3] as number) | (0x80 >> (at & 7));
  });
  return bytes;
}

function unpackFlags(value: CborValue | undefined, count: number): boolean[] {
  if (!(value instanceof Uint8Array) || value.length !== Math.ceil(count / 8)) {
    throw fields.malformed(`flags are no ${count} bits`);
  }
  return Array.from({ length: count }, (_, at) => {
    const byte = value[at >> 3] as number;
    return (byte & (0x80 >> (at & 7))) !== 0;
  });
}
