import { createHash } from 'node:crypto';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { CompactRange } from './compact-range.js';
import { rfc6962, treeHasher } from './hash.js';
import { compactRangeNodes, coveringNodes, type NodeId } from './node-id.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const leaf = (i: number): Uint8Array => rfc6962.leaf(Uint8Array.of(i));

describe('hashing', () => {
  it('is that of RFC 6962', () => {
    expect(bytesToHex(rfc6962.empty())).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(bytesToHex(rfc6962.leaf(new Uint8Array()))).toBe(
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    );
  });

  it('is the same over node:crypto', () => {
    const node = treeHasher((data) => createHash('sha256').update(data).digest());
    const [left, right] = [leaf(1), leaf(2)];
    expect(bytesToHex(node.leaf(Uint8Array.of(1)))).toBe(bytesToHex(left));
    expect(bytesToHex(node.node(left, right))).toBe(bytesToHex(rfc6962.node(left, right)));
    expect(bytesToHex(node.empty())).toBe(bytesToHex(rfc6962.empty()));
  });
});

describe('treeHasher', () => {
  it('hashes leaves of any length alike, whatever was hashed before', () => {
    for (const size of [0, 1, 2047, 2048, 2049, 70_000, 3]) {
      const data = new Uint8Array(size).fill(size % 251);
      const expected = createHash('sha256').update(Uint8Array.of(0)).update(data).digest('hex');
      expect(bytesToHex(rfc6962.leaf(data))).toBe(expected);
    }
  });

  it('hashes nodes of two whole hashes only', () => {
    const short = new Uint8Array(31);
    expect(() => rfc6962.node(short, leaf(0))).toThrow(code('hash-length'));
    expect(() => rfc6962.node(leaf(0), short)).toThrow(code('hash-length'));
  });
});

describe('CompactRange', () => {
  it('tells each completed node once, leaf first, then upwards', () => {
    const range = new CompactRange();
    const seen: NodeId[][] = [];
    for (let i = 0; i < 8; i++) {
      const row: NodeId[] = [];
      range.append(leaf(i), (level, index) => row.push({ level, index }));
      seen.push(row);
    }
    expect(seen.map((row) => row.map(({ level, index }) => `${level}/${index}`).join(' '))).toEqual(
      ['0/0', '0/1 1/0', '0/2', '0/3 1/1 2/0', '0/4', '0/5 1/2', '0/6', '0/7 1/3 2/1 3/0'],
    );
  });

  it('keeps the hashes of the nodes that compactRangeNodes names', () => {
    const range = new CompactRange();
    const nodes = new Map<string, Uint8Array>();
    for (let size = 1; size <= 40; size++) {
      range.append(leaf(size), (level, index, hash) => nodes.set(`${level}/${index}`, hash));
      const named = compactRangeNodes(size).map(({ level, index }) =>
        nodes.get(`${level}/${index}`),
      );
      expect(range.hashes).toEqual(named);
      const resumed = new CompactRange(rfc6962, size, [...range.hashes]);
      expect(resumed.root()).toEqual(range.root());
    }
  });

  it('counts on beyond 2^32 and up to 2^53-1', () => {
    const size = 2 ** 53 - 2;
    const range = new CompactRange(
      rfc6962,
      size,
      compactRangeNodes(size).map(({ level }) => leaf(level)),
    );
    const seen: NodeId[] = [];
    range.append(leaf(0), (level, index) => seen.push({ level, index }));
    expect(seen).toEqual([{ level: 0, index: size }]);
    expect(range.size).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => range.append(leaf(0))).toThrow(code('size-out-of-range'));
  });

  it('stays as it was when onNode throws', () => {
    const range = new CompactRange();
    [0, 1, 2].forEach((i) => range.append(leaf(i)));
    const before = range.clone();
    expect(() =>
      range.append(leaf(3), (level) => {
        if (level === 2) throw new Error('disk full');
      }),
    ).toThrow('disk full');
    expect(range.size).toBe(3);
    expect(range.hashes).toEqual(before.hashes);
    expect(range.root()).toEqual(before.root());
  });

  it('has clones that go their own way', () => {
    const range = new CompactRange();
    range.append(leaf(0));
    const clone = range.clone();
    clone.append(leaf(1));
    expect([range.size, clone.size]).toEqual([1, 2]);
    expect(range.root()).toEqual(leaf(0));
  });

  it('refuses sizes and hashes that do not fit', () => {
    expect(() => new CompactRange(rfc6962, -1)).toThrow(code('size-out-of-range'));
    expect(() => new CompactRange(rfc6962, 2 ** 53)).toThrow(code('size-out-of-range'));
    expect(() => new CompactRange(rfc6962, 3, [leaf(0)])).toThrow(code('hash-count'));
    expect(() => new CompactRange(rfc6962, 0, [leaf(0)])).toThrow(code('hash-count'));
    expect(() => new CompactRange(rfc6962, 1, [new Uint8Array(31)])).toThrow(code('hash-length'));
    expect(() => new CompactRange().append(new Uint8Array(33))).toThrow(code('hash-length'));
  });
});

describe('subtrees in place of leaves', () => {
  const hashes = Array.from({ length: 70 }, (_, i) => leaf(i));
  const whole = (size: number): CompactRange => {
    const range = new CompactRange();
    for (const hash of hashes.slice(0, size)) range.append(hash);
    return range;
  };
  const subtree = ({ level, index }: NodeId): Uint8Array => {
    const range = new CompactRange();
    for (const hash of hashes.slice(index * 2 ** level, (index + 1) * 2 ** level)) {
      range.append(hash);
    }
    return range.root();
  };

  it('give the root that the leaves give, wherever the range is cut', () => {
    for (let begin = 0; begin <= 70; begin += 3) {
      for (let end = begin; end <= 70; end += 5) {
        const range = whole(begin);
        for (const node of coveringNodes(begin, end)) {
          range.appendSubtree(node.level, subtree(node));
        }
        expect(range.size).toBe(end);
        expect(bytesToHex(range.root())).toBe(bytesToHex(whole(end).root()));
      }
    }
  });

  it('cover a range with the fewest', () => {
    expect(coveringNodes(0, 8)).toEqual([{ level: 3, index: 0 }]);
    expect(coveringNodes(1, 8).map(({ level }) => level)).toEqual([0, 1, 2]);
    expect(coveringNodes(5, 5)).toEqual([]);
    expect(() => coveringNodes(-1, 5)).toThrow(code('size-out-of-range'));
    expect(() => coveringNodes(0, 2 ** 53)).toThrow(code('size-out-of-range'));
    expect(coveringNodes(1, Number.MAX_SAFE_INTEGER).length).toBe(104);
  });

  it.each([
    ['that is not aligned', 3, 1, 'index-out-of-range'],
    ['of no level', 0, 0.5, 'size-out-of-range'],
    ['of a level below the leaves', 0, -1, 'size-out-of-range'],
    ['beyond the largest tree', 0, 53, 'size-out-of-range'],
  ])('refuse one %s', (_, size, level, expected) => {
    const range = whole(size);
    const before = bytesToHex(range.root());
    expect(() => range.appendSubtree(level, leaf(0))).toThrow(code(expected));
    expect(bytesToHex(range.root())).toBe(before);
  });
});
