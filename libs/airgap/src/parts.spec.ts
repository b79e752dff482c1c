import { describe, expect, it } from 'vitest';
import { fromHex, partLeaf } from './part-tree.js';
import {
  encodePartHead,
  missingParts,
  partHeads,
  partLength,
  planParts,
  readPartHead,
  type PartHead,
} from './parts.js';
import { codeOf, sha256 } from './parts.fixture.js';

function headsOf(file: Uint8Array, step: number): PartHead[] {
  const count = Math.max(1, Math.ceil(file.length / step));
  const digests = Array.from({ length: count }, (_, at) =>
    sha256(file.subarray(at * step, (at + 1) * step)),
  );
  return partHeads(digests, { size: file.length, step }, sha256);
}

const file = new Uint8Array(10_000).map((_, at) => at % 253);

describe('parts', () => {
  it.each([1, 2, 3, 7, 64, 100])('%i of them: each head proves itself', (count) => {
    const heads = headsOf(file, Math.ceil(file.length / count));
    for (const head of heads) {
      const bytes = encodePartHead(head);
      expect(readPartHead(new Uint8Array([...bytes, 1, 2, 3]), sha256)).toEqual({
        head,
        begin: bytes.length,
      });
      expect(bytes.length).toBeLessThan(1024);
    }
    expect(heads.reduce((sum, head) => sum + partLength(head), 0)).toBe(file.length);
  });

  it('are planned so that head and bytes fit', () => {
    expect(planParts(0, 2048)).toEqual({ step: 1024, count: 1 });
    expect(planParts(10_000, 4096)).toEqual({ step: 3072, count: 4 });
    expect(codeOf(() => planParts(1, 100))).toBe('plan');
    expect(codeOf(() => planParts(2 ** 40, 4096))).toBe('plan');
  });

  it('tell which are missing, and that two files are mixed', () => {
    const heads = headsOf(file, 3000);
    expect(missingParts(heads)).toEqual([]);
    expect(missingParts([heads[2]!, heads[0]!, heads[2]!])).toEqual([1, 3]);
    const others = headsOf(file.subarray(1), 3000);
    expect(codeOf(() => missingParts([heads[0]!, others[1]!]))).toBe('part-mixed');
    expect(codeOf(() => missingParts([]))).toBe('part-missing');
  });

  it('do not pass with any byte of the head changed, or cut off', () => {
    const bytes = encodePartHead(headsOf(file, 3000)[1]!);
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 128]) {
        const damaged = new Uint8Array(bytes);
        damaged[at] = damaged[at]! ^ bit;
        expect(
          codeOf(() => readPartHead(damaged, sha256)),
          `byte ${at}`,
        ).toMatch(/^part-/);
      }
      expect(codeOf(() => readPartHead(bytes.subarray(0, at), sha256))).toBe('part-malformed');
    }
  });

  it('do not pass for one another', () => {
    const [first, second] = headsOf(file, 3000) as [PartHead, PartHead];
    for (const forged of [
      { ...first, index: 1 },
      { ...first, path: second.path },
      { ...first, size: file.length - 1 },
      { ...first, sha256: second.sha256 },
    ]) {
      expect(codeOf(() => readPartHead(encodePartHead(forged), sha256))).toBe('part-digest');
    }
    expect(codeOf(() => readPartHead(encodePartHead({ ...first, count: 9 }), sha256))).toBe(
      'part-malformed',
    );
  });

  it('are never more than fit memory, whatever a head says of itself', () => {
    const count = 2 ** 31;
    const shape = { size: count, step: 1, count };
    const alone = { index: 0, sha256: sha256(file) };
    const whole = fromHex(partLeaf(shape, alone, sha256));
    const bytes = encodePartHead({ ...shape, ...alone, whole, path: [] });
    expect(codeOf(() => readPartHead(bytes, sha256))).toBe('part-malformed');
  });
});
