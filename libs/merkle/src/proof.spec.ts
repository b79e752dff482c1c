import { hash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { foldRight, rootFromLeaves } from './compact-range.js';
import { MerkleError } from './errors.js';
import { treeHasher } from './hash.js';
import { compactRangeNodes, type NodeId } from './node-id.js';
import { consistencyProof, inclusionProof } from './prove.js';
import {
  rootFromInclusion,
  verifyConsistency,
  verifyInclusion,
  type ConsistencyClaim,
} from './verify.js';

const hasher = treeHasher((data) => hash('sha256', data, 'buffer'));

const code = (name: string): unknown => expect.objectContaining({ code: name });

/** The code of the refusal, or what went wrong instead. Cheaper than expect, for loops. */
function refusal(check: () => void): string {
  try {
    check();
  } catch (error) {
    return error instanceof MerkleError ? error.code : String(error);
  }
  return 'accepted';
}

const REFUSED = ['root-mismatch', 'proof-length', 'index-out-of-range', 'size-out-of-range'];

const LARGEST = 70;
const leaves = Array.from({ length: LARGEST }, (_, i) => hasher.leaf(Uint8Array.of(i)));

/** MTH of RFC 6962 section 2.1, word for word. */
function mth(begin: number, end: number): Uint8Array {
  const n = end - begin;
  if (n === 0) return hasher.empty();
  if (n === 1) return leaves[begin] as Uint8Array;
  const k = 2 ** Math.floor(Math.log2(n - 1));
  return hasher.node(mth(begin, begin + k), mth(begin + k, end));
}

const roots = Array.from({ length: LARGEST + 1 }, (_, size) => mth(0, size));
const rootOf = (size: number): Uint8Array => roots[size] as Uint8Array;

function getNodeWithin(size: number) {
  return ({ level, index }: NodeId): Uint8Array => {
    const [begin, end] = [index * 2 ** level, (index + 1) * 2 ** level];
    if (end > size) throw new Error(`asked for incomplete node ${level}/${index} of ${size}`);
    return mth(begin, end);
  };
}

/** Every hash of the proof with one of its bits flipped, and proofs one hash longer or shorter. */
function* spoilt(proof: Uint8Array[], salt: number): Generator<Uint8Array[]> {
  for (const [i, hash] of proof.entries()) {
    const bit = (salt * 37 + i * 101) % 256;
    yield proof.with(i, hash.with(bit >> 3, (hash[bit >> 3] as number) ^ (1 << (bit & 7))));
  }
  yield [...proof, proof.at(-1) ?? rootOf(1)];
  yield [proof.at(0) ?? rootOf(1), ...proof];
  if (proof.length > 0) yield proof.slice(1);
  if (proof.length > 0) yield proof.slice(0, -1);
}

describe(`every inclusion proof of trees up to ${LARGEST} leaves`, () => {
  const proofs: { index: number; size: number; proof: Uint8Array[] }[] = [];

  beforeAll(async () => {
    for (let size = 1; size <= LARGEST; size++) {
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, getNodeWithin(size), hasher);
        proofs.push({ index, size, proof });
      }
    }
  });

  it('verifies', () => {
    expect(proofs).toHaveLength((LARGEST * (LARGEST + 1)) / 2);
    for (const { index, size, proof } of proofs) {
      const leafHash = leaves[index] as Uint8Array;
      verifyInclusion({ index, size, leafHash, proof, root: rootOf(size) }, hasher);
    }
  });

  it('is refused at any other index, with any other leaf, for the root of any other size', () => {
    const refusals = new Set<string>();
    for (const { index, size, proof } of proofs) {
      const claim = { index, size, leafHash: leaves[index] as Uint8Array, proof };
      for (let other = 0; other <= size; other++) {
        if (other === index) continue;
        const root = rootOf(size);
        refusals.add(refusal(() => verifyInclusion({ ...claim, index: other, root }, hasher)));
      }
      const leafHash = leaves[(index + 1) % LARGEST] as Uint8Array;
      const wrongLeaf = { ...claim, leafHash, root: rootOf(size) };
      refusals.add(refusal(() => verifyInclusion(wrongLeaf, hasher)));
      for (const other of [size - 1, size + 1, size * 2, LARGEST - size]) {
        const root = roots[other];
        if (root === undefined || other === size) continue;
        refusals.add(refusal(() => verifyInclusion({ ...claim, size: other, root }, hasher)));
        refusals.add(refusal(() => verifyInclusion({ ...claim, root }, hasher)));
      }
    }
    expect(REFUSED).toEqual(expect.arrayContaining([...refusals]));
  });

  it('is refused with a flipped bit, or longer, or shorter', () => {
    for (const [salt, { index, size, proof }] of proofs.entries()) {
      const claim = { index, size, leafHash: leaves[index] as Uint8Array, root: rootOf(size) };
      for (const bad of spoilt(proof, salt)) {
        const found = refusal(() => verifyInclusion({ ...claim, proof: bad }, hasher));
        const due = bad.length === proof.length ? 'root-mismatch' : 'proof-length';
        if (found !== due) expect.fail(`leaf ${index} of ${size}: ${found}, not ${due}`);
      }
    }
  });
});

describe(`every consistency proof of trees up to ${LARGEST} leaves`, () => {
  const claims: ConsistencyClaim[] = [];

  beforeAll(async () => {
    for (let size2 = 0; size2 <= LARGEST; size2++) {
      for (let size1 = 0; size1 <= size2; size1++) {
        const proof = await consistencyProof(size1, size2, getNodeWithin(size2), hasher);
        claims.push({ size1, root1: rootOf(size1), size2, root2: rootOf(size2), proof });
      }
    }
  });

  it('verifies', () => {
    for (const claim of claims) verifyConsistency(claim, hasher);
  });

  it('is refused between any other sizes and their roots', () => {
    const refusals = new Set<string>();
    for (const claim of claims) {
      for (const step of [-3, -1, 1, 2]) {
        const [size1, size2] = [claim.size1 + step, claim.size2 + step];
        const [root1, root2] = [roots[size1], roots[size2]];
        // Nothing is proved about an empty tree, and equal trees need no proof.
        if (root1 !== undefined && size1 !== claim.size2 && size1 !== 0 && claim.size1 !== 0) {
          refusals.add(refusal(() => verifyConsistency({ ...claim, size1, root1 }, hasher)));
          refusals.add(refusal(() => verifyConsistency({ ...claim, root1 }, hasher)));
        }
        if (root2 !== undefined && size2 !== claim.size1 && claim.size1 !== 0) {
          refusals.add(refusal(() => verifyConsistency({ ...claim, size2, root2 }, hasher)));
          if (claim.size1 !== claim.size2) {
            refusals.add(refusal(() => verifyConsistency({ ...claim, root2 }, hasher)));
          }
        }
      }
    }
    expect(REFUSED).toEqual(expect.arrayContaining([...refusals]));
  });

  it('is refused with a flipped bit, or longer, or shorter', () => {
    for (const [salt, claim] of claims.entries()) {
      for (const proof of spoilt([...claim.proof], salt)) {
        const found = refusal(() => verifyConsistency({ ...claim, proof }, hasher));
        const due = proof.length === claim.proof.length ? 'root-mismatch' : 'proof-length';
        if (found !== due) expect.fail(`${claim.size1} to ${claim.size2}: ${found}, not ${due}`);
      }
    }
  });

  it('is not needed for an empty tree, whose root must still be that of an empty tree', () => {
    const claim = { size1: 0, root1: rootOf(0), size2: 5, root2: rootOf(5), proof: [] };
    verifyConsistency(claim, hasher);
    expect(() => verifyConsistency({ ...claim, root1: rootOf(5) }, hasher)).toThrow(
      code('root-mismatch'),
    );
    expect(() =>
      verifyConsistency({ ...claim, size2: 0, root1: rootOf(5), root2: rootOf(5) }, hasher),
    ).toThrow(code('root-mismatch'));
  });
});

/**
 * A tree of any size without holding it: all leaves are the same but for a few, so a node
 * without one of these depends on its level alone.
 */
function sparseTree(special: readonly number[]) {
  const plain = [hasher.leaf(new Uint8Array())];
  for (let level = 1; level <= 53; level++) {
    plain.push(hasher.node(plain[level - 1] as Uint8Array, plain[level - 1] as Uint8Array));
  }
  const node = ({ level, index }: NodeId): Uint8Array => {
    const [begin, end] = [index * 2 ** level, (index + 1) * 2 ** level];
    if (!special.some((i) => i >= begin && i < end)) return plain[level] as Uint8Array;
    if (level === 0) return hasher.leaf(Buffer.from(index.toString()));
    const below = [0, 1].map((i) => node({ level: level - 1, index: index * 2 + i }));
    return hasher.node(below[0] as Uint8Array, below[1] as Uint8Array);
  };
  const root = (size: number): Uint8Array => foldRight(compactRangeNodes(size).map(node), hasher);
  return { node, root };
}

describe('proofs in trees of up to 2^53-1 leaves', () => {
  const sizes = fc.oneof(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 2 ** 40 - 300, max: 2 ** 40 + 300 }),
    fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
    fc.integer({ min: 2 ** 32 - 3, max: 2 ** 32 + 3 }),
    fc.constant(Number.MAX_SAFE_INTEGER),
  );
  const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('include a leaf at its index and at no other', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fraction, fraction, async (size, f, g) => {
        const [index, other] = [Math.floor(f * size), Math.floor(g * size)];
        const tree = sparseTree([index]);
        const root = tree.root(size);
        const proof = await inclusionProof(index, size, tree.node, hasher);
        const claim = { index, size, leafHash: tree.node({ level: 0, index }), proof };
        expect(rootFromInclusion(claim, hasher)).toEqual(root);
        if (other === index) return;
        expect(() => verifyInclusion({ ...claim, index: other, root }, hasher)).toThrow();
      }),
      { seed: 40, numRuns: 150 },
    );
  });

  it('tie a tree to its prefix and to no tree that differs in one leaf', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fraction, async (a, b, f) => {
        const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
        const changed = Math.floor(f * size1);
        const tree = sparseTree([size1 - 1]);
        const proof = await consistencyProof(size1, size2, tree.node, hasher);
        const claim = { size1, root1: tree.root(size1), size2, root2: tree.root(size2), proof };
        verifyConsistency(claim, hasher);
        if (changed === size1 - 1) return;
        const root1 = sparseTree([size1 - 1, changed]).root(size1);
        expect(() => verifyConsistency({ ...claim, root1 }, hasher)).toThrow(code('root-mismatch'));
      }),
      { seed: 41, numRuns: 150 },
    );
  });
});

describe('arguments that make no sense', () => {
  const leafHash = leaves[0] as Uint8Array;
  const root = rootOf(1);
  const never = (): Uint8Array => {
    throw new Error('no node is needed');
  };

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53, 2 ** 64])('%d is no number', async (n) => {
    const claim = { leafHash, proof: [], root };
    expect(() => verifyInclusion({ ...claim, index: n, size: 1 })).toThrow(
      code('index-out-of-range'),
    );
    expect(() => verifyInclusion({ ...claim, index: 0, size: n })).toThrow(
      code('size-out-of-range'),
    );
    const pair = { root1: root, root2: root, proof: [] };
    expect(() => verifyConsistency({ ...pair, size1: n, size2: 1 })).toThrow(
      code('size-out-of-range'),
    );
    expect(() => verifyConsistency({ ...pair, size1: 1, size2: n })).toThrow(
      code('size-out-of-range'),
    );
    await expect(inclusionProof(n, 5, never)).rejects.toThrow(code('index-out-of-range'));
    await expect(inclusionProof(0, n, never)).rejects.toThrow(code('size-out-of-range'));
    await expect(consistencyProof(n, 5, never)).rejects.toThrow(code('size-out-of-range'));
    await expect(consistencyProof(0, n, never)).rejects.toThrow(code('size-out-of-range'));
  });

  it('are refused when leaf, sizes or hashes do not fit', async () => {
    await expect(inclusionProof(5, 5, never)).rejects.toThrow(code('index-out-of-range'));
    await expect(consistencyProof(6, 5, never)).rejects.toThrow(code('size-out-of-range'));
    await expect(inclusionProof(0, 2, () => new Uint8Array(31))).rejects.toThrow(
      code('hash-length'),
    );
    const short = new Uint8Array(31);
    const claim = { index: 0, size: 2, leafHash, proof: [leafHash], root };
    expect(() => verifyInclusion({ ...claim, proof: [short] })).toThrow(code('hash-length'));
    expect(() => verifyInclusion({ ...claim, leafHash: short })).toThrow(code('hash-length'));
    expect(() => verifyInclusion({ ...claim, root: short })).toThrow(code('hash-length'));
    const pair = { size1: 2, root1: root, size2: 1, root2: root, proof: [] };
    expect(() => verifyConsistency(pair)).toThrow(code('size-out-of-range'));
    expect(() => verifyConsistency({ ...pair, size1: 1, size2: 2, root1: short })).toThrow(
      code('hash-length'),
    );
    expect(() => verifyConsistency({ ...pair, size1: 1, size2: 2, root2: short })).toThrow(
      code('hash-length'),
    );
    expect(() => verifyConsistency({ ...pair, size1: 1, proof: [short] })).toThrow(
      code('hash-length'),
    );
  });

  it('pass on what getNode fails with', async () => {
    await expect(inclusionProof(0, 2, never)).rejects.toThrow('no node is needed');
  });
});

it('rootFromLeaves agrees with the definition', () => {
  for (let size = 0; size <= LARGEST; size++) {
    expect(rootFromLeaves(leaves.slice(0, size), hasher)).toEqual(rootOf(size));
  }
});
