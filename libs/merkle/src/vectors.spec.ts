import { readFileSync } from 'node:fs';
import { vectorsDir } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { MerkleError } from './errors.js';
import { verifyConsistency, verifyInclusion } from './verify.js';

interface Case {
  name: string;
  wantErr: boolean;
  proof: string[] | null;
}

interface InclusionCase extends Case {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
}

interface ConsistencyCase extends Case {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
}

const dir = vectorsDir();

function cases<T extends Case>(kind: string): T[] {
  if (dir === undefined) return [];
  const lines = readFileSync(`${dir}/merkle/${kind}.jsonl`, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function proofOf({ proof }: Case): Uint8Array[] {
  return (proof ?? []).map(bytes);
}

function expectVerdict(check: () => void, wantErr: boolean): void {
  if (wantErr) expect(check).toThrow(MerkleError);
  else expect(check).not.toThrow();
}

describe.skipIf(!dir)('vectors of transparency-dev/merkle (skipped without the folder)', () => {
  const inclusion = cases<InclusionCase>('inclusion');
  const consistency = cases<ConsistencyCase>('consistency');

  it('has all of them', () => {
    expect([inclusion.length, consistency.length]).toEqual([98, 98]);
  });

  it.each(inclusion.map((c) => [c.name, c] as const))('inclusion %s', (_, c) => {
    const claim = { index: c.leafIdx, size: c.treeSize, leafHash: bytes(c.leafHash) };
    expectVerdict(
      () => verifyInclusion({ ...claim, proof: proofOf(c), root: bytes(c.root) }),
      c.wantErr,
    );
  });

  it.each(consistency.map((c) => [c.name, c] as const))('consistency %s', (_, c) => {
    const { size1, size2 } = c;
    const roots = { root1: bytes(c.root1), root2: bytes(c.root2) };
    expectVerdict(
      () => verifyConsistency({ size1, size2, ...roots, proof: proofOf(c) }),
      c.wantErr,
    );
  });

  it('refuses indices beyond safe integers by their own code', () => {
    const unsafe = inclusion.filter((c) => !Number.isSafeInteger(c.leafIdx));
    expect(unsafe.length).toBeGreaterThan(0);
    for (const c of unsafe) {
      expect(() =>
        verifyInclusion({
          index: c.leafIdx,
          size: c.treeSize,
          leafHash: bytes(c.leafHash),
          proof: proofOf(c),
          root: bytes(c.root),
        }),
      ).toThrow(expect.objectContaining({ code: 'index-out-of-range' }));
    }
  });
});
