import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { cborItemLength, decodeCbor, encodeCbor, type CborValue } from '@touchstone/attest';
import { HASH_SIZE, type Sha256 } from '@touchstone/merkle';
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { AirgapError } from './errors.js';
import {
  fromHex,
  PART_FORMAT,
  PART_LIMITS,
  PartFields,
  partLeaf,
  partNodeHash,
  partTree,
  toHex,
  type PartDigest,
  type PartShape,
} from './part-tree.js';

/**
 * A file cut into parts that fit a medium. Each part begins with a head that proves it to be that
 * part of that file: a Merkle tree over the parts' digests (see `part-tree.ts`), of which every head
 * names the root and carries its path. So a part is checked by itself, in any order, and parts of
 * two exports are told apart. It finds damage and mix-ups; who made the file shows only inside of it.
 */

export interface PartHead extends PartShape, PartDigest {
  /** Root of the tree over all parts: the name of the whole. */
  readonly whole: Uint8Array;
  readonly path: readonly Uint8Array[];
}

const fields = new PartFields('the part');

/** How a file of `size` bytes is cut so that no part, with its head, is larger than `partBytes`. */
export function planParts(size: number, partBytes: number): { step: number; count: number } {
  if (!Number.isSafeInteger(partBytes) || partBytes < PART_LIMITS.partBytes) {
    throw new AirgapError('plan', `a part has at least ${PART_LIMITS.partBytes} bytes`);
  }
  const room = Math.min(HEAD_ROOM, Math.floor(partBytes / 2));
  const step = partBytes - room;
  const count = Math.max(1, Math.ceil(size / step));
  if (count > PART_LIMITS.parts) {
    throw new AirgapError('plan', `that would be ${count} parts, over ${PART_LIMITS.parts}`);
  }
  return { step, count };
}

/** Fixed fields, and a path of 16 hashes: 65,536 parts. */
const HEAD_ROOM = 1024;

/**
 * The heads of all parts.
 *
 * @param digests SHA-256 of each part's bytes, in order
 */
export function partHeads(
  digests: readonly Uint8Array[],
  { size, step }: { size: number; step: number },
  sha256: Sha256 = nobleSha256,
): PartHead[] {
  const tree = partTree(digests, { size, step }, sha256);
  const whole = fromHex(tree.root);
  return digests.map((digest, index) => ({
    ...{ whole, size, step, count: digests.length },
    index,
    sha256: digest,
    path: tree.getProof(index).map(fromHex),
  }));
}

/** What a part file begins with; the file's bytes follow. */
export function encodePartHead({
  whole,
  size,
  step,
  count,
  index,
  sha256,
  path,
}: PartHead): Uint8Array {
  return encodeCbor([PART_FORMAT, whole, size, step, count, index, sha256, concatBytes(...path)]);
}

/**
 * Reads a head from the beginning of a part, of which `bytes` holds at least 4 KiB or all.
 *
 * @returns the head, and where the part's bytes of the file begin
 * @throws AirgapError `part-malformed`, `part-digest` when the head is not in the tree it names
 */
export function readPartHead(
  bytes: Uint8Array,
  sha256: Sha256 = nobleSha256,
): { head: PartHead; begin: number } {
  const { value, begin } = readItem(bytes);
  const [format, whole, size, step, count, index, digest, path] = value;
  if (format !== PART_FORMAT) throw malformed(`it is no ${PART_FORMAT}`);
  const head: PartHead = {
    whole: fields.hash(whole, 'whole'),
    ...fields.shape(size, step, count),
    index: fields.number(index, 'index'),
    sha256: fields.hash(digest, 'sha256'),
    path: pathOf(path),
  };
  if (head.index >= head.count)
    throw malformed(`index ${head.index} is beyond ${head.count} parts`);
  const verified = SimpleMerkleTree.verify(
    toHex(head.whole),
    partLeaf(head, head, sha256),
    head.path.map(toHex),
    partNodeHash(sha256),
  );
  if (!verified) {
    throw new AirgapError('part-digest', `part ${head.index} is not proven to be of its file`);
  }
  return { head, begin };
}

/** How many bytes of the file a part has. */
export function partLength({
  size,
  step,
  index,
}: Pick<PartHead, 'size' | 'step' | 'index'>): number {
  return Math.min(step, size - step * index);
}

/**
 * Which parts of a file are still missing.
 *
 * @throws AirgapError `part-mixed` when the heads are of more than one file
 */
export function missingParts(heads: readonly PartHead[]): number[] {
  const [first] = heads;
  if (first === undefined) throw new AirgapError('part-missing', 'there is no part at all');
  const name = bytesToHex(first.whole);
  const other = heads.find(({ whole }) => bytesToHex(whole) !== name);
  if (other !== undefined) {
    throw new AirgapError(
      'part-mixed',
      `parts of two files: ${name.slice(0, 16)}… and ${bytesToHex(other.whole).slice(0, 16)}…; sort them apart`,
    );
  }
  const present = new Set(heads.map(({ index }) => index));
  return Array.from({ length: first.count }, (_, index) => index).filter(
    (index) => !present.has(index),
  );
}

function readItem(bytes: Uint8Array): { value: readonly CborValue[]; begin: number } {
  const limits = { bytes: PART_LIMITS.headBytes, depth: 1, items: 16 };
  try {
    const begin = cborItemLength(bytes, 0, limits);
    if (begin === undefined) throw malformed('it ends within its head');
    const value = decodeCbor(bytes.slice(0, begin), limits);
    if (!Array.isArray(value) || value.length !== 8) throw malformed('its head is no list of 8');
    return { value: value as CborValue[], begin };
  } catch (cause) {
    if (cause instanceof AirgapError) throw cause;
    throw malformed('its head is no deterministic CBOR', cause);
  }
}

function pathOf(value: CborValue | undefined): Uint8Array[] {
  if (
    !(value instanceof Uint8Array) ||
    value.length % HASH_SIZE !== 0 ||
    value.length > 17 * HASH_SIZE
  ) {
    throw malformed('path is no list of at most 17 hashes');
  }
  return Array.from({ length: value.length / HASH_SIZE }, (_, at) =>
    value.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE),
  );
}

function malformed(why: string, cause?: unknown): AirgapError {
  return fields.malformed(why, cause);
}
