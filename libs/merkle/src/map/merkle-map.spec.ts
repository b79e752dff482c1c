import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MerkleError } from '../errors.js';
import { rootFromLeaves } from '../compact-range.js';
import { mapHasher, nobleMapHasher } from './map-hash.js';
import { rootFromMapProof, verifyListPage, verifyMapProof, type MapProof } from './map-proof.js';
import { MerkleMap } from './merkle-map.js';
import { LIST_PAGE_SIZE, listPages, type ListPage } from './posting-list.js';

const sha256 = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(data).digest());
const hasher = mapHasher(sha256);
const keyOf = (name: string | number): Uint8Array => sha256(Buffer.from(String(name)));

const REFUSED = [
  'root-mismatch',
  'map-proof',
  'map-key',
  'map-list',
  'hash-length',
  'proof-length',
  'index-out-of-range',
];

/** The code of the refusal, or what went wrong instead. */
function refusal(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    return error instanceof MerkleError ? error.code : String(error);
  }
  return 'accepted';
}

type Lists = Map<string, number[]>;

function mapOf(lists: Lists): MerkleMap {
  const changes = [...lists].map(([hex, indices]) => [Buffer.from(hex, 'hex'), indices] as const);
  return MerkleMap.empty(hasher).with(changes);
}

/** The definition of the root, with no regard to how the map computes it. */
function rootOf(lists: Lists, depth = 0): Uint8Array {
  const [first] = lists;
  if (!first) return hasher.empty;
  if (lists.size === 1) {
    const [hex, indices] = first;
    const pages = Array.from({ length: Math.ceil(indices.length / 256) }, (_, page) => {
      const bytes = Buffer.alloc(Math.min(256, indices.length - page * 256) * 8);
      indices.slice(page * 256, page * 256 + 256).forEach((index, i) => {
        bytes.writeBigUInt64BE(BigInt(index), i * 8);
      });
      return hasher.list.leaf(bytes);
    });
    return hasher.leaf(Buffer.from(hex, 'hex'), indices.length, rootFromLeaves(pages));
  }
  const side = (bit: string): Lists =>
    new Map(
      [...lists].filter(
        ([hex]) => BigInt(`0x${hex}`).toString(2).padStart(256, '0')[depth] === bit,
      ),
    );
  return hasher.node(rootOf(side('0'), depth + 1), rootOf(side('1'), depth + 1));
}

/** Keys that share long prefixes as well as keys that are spread. */
const key = fc.oneof(
  fc.nat(400).map((n) => Buffer.from(keyOf(n)).toString('hex')),
  fc.nat(15).map((n) => 'ab'.repeat(31) + n.toString(16).padStart(2, '0')),
);
const ascending = fc
  .uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 12 })
  .map((list) => list.sort((a, b) => a - b));
const lists = fc
  .array(fc.tuple(key, ascending), { maxLength: 40 })
  .map((entries): Lists => new Map(entries));

describe('the root', () => {
  it('is that of the definition, in whatever order and batches the indices come', () => {
    fc.assert(
      fc.property(lists, fc.infiniteStream(fc.nat(2 ** 20)), (all, dice) => {
        const roll = (): number => dice.next().value as number;
        let map = MerkleMap.empty(hasher);
        const rest = new Map([...all].map(([k, list]) => [k, [...list]]));
        while (rest.size > 0) {
          const batch = [...rest.keys()].filter(() => roll() % 2 === 0);
          map = map.with(
            batch.map((hex) => {
              const left = rest.get(hex) as number[];
              const taken = left.splice(0, 1 + (roll() % left.length));
              if (left.length === 0) rest.delete(hex);
              return [Buffer.from(hex, 'hex'), taken] as const;
            }),
          );
        }
        expect(map.root()).toEqual(rootOf(all));
        expect(map.size).toBe(all.size);
      }),
      { seed: 50, numRuns: 60 },
    );
  });

  it('stays that of an earlier map, also of two that grew from one', () => {
    const first = MerkleMap.empty(hasher).with([[keyOf(1), [1, 2]]]);
    const root = first.root();
    const second = first.with([[keyOf(1), [3]]]);
    const other = first.with([[keyOf(1), [4]]]);
    expect(first.root()).toEqual(root);
    expect(second.root()).toEqual(rootOf(new Map([[hexOf(keyOf(1)), [1, 2, 3]]])));
    expect(other.root()).toEqual(rootOf(new Map([[hexOf(keyOf(1)), [1, 2, 4]]])));
  });

  it('is the same on noble', () => {
    const changes = [[keyOf(1), [1]] as const, [keyOf(2), [1, 5]] as const];
    expect(MerkleMap.empty(nobleMapHasher).with(changes).root()).toEqual(
      MerkleMap.empty(hasher).with(changes).root(),
    );
  });

  it('of a map without keys is the empty hash', () => {
    expect(MerkleMap.empty().root()).toEqual(hasher.empty);
  });
});

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Every way to spoil one hash, number or part of a proof. */
function* spoilt(proof: MapProof, bit: number): Generator<MapProof> {
  const flip = (hash: Uint8Array): Uint8Array =>
    new Uint8Array(hash).with(bit >> 3, (hash[bit >> 3] as number) ^ (1 << (bit & 7)));
  const { siblings, list, other } = proof;
  for (const [i, hash] of siblings.entries()) {
    // Long ways are those of keys with a long common prefix; a few of their hashes will do.
    if (i > 12 && i < siblings.length - 3) continue;
    yield { ...proof, siblings: siblings.with(i, flip(hash)) };
    yield { ...proof, siblings: siblings.toSpliced(i, 1) };
    yield { ...proof, siblings: siblings.toSpliced(i, 0, hash) };
  }
  yield { ...proof, siblings: [...siblings, hasher.empty] };
  yield { ...proof, siblings: [hasher.empty, ...siblings] };
  if (list) {
    yield { siblings };
    yield { siblings, list: { ...list, count: list.count + 1 } };
    yield { siblings, list: { ...list, root: flip(list.root) } };
    yield { siblings, other: { ...list, key: keyOf('forged') } };
  } else {
    yield { siblings, list: { count: 1, root: keyOf('forged') } };
  }
  if (other) {
    yield { siblings };
    yield { siblings, list: { count: other.count, root: other.root } };
    yield { siblings, other: { ...other, count: other.count + 1 } };
    yield { siblings, other: { ...other, root: flip(other.root) } };
    yield { siblings, other: { ...other, key: flip(other.key) } };
  }
}

describe('a proof', () => {
  it('shows what the map has for a key, and nothing else', () => {
    const bit = fc.nat(255);
    fc.assert(
      fc.property(lists, key, bit, (all, asked, flipped) => {
        const map = mapOf(all);
        const root = map.root();
        for (const hex of new Set([asked, ...[...all.keys()].slice(0, 3)])) {
          const bytes = Buffer.from(hex, 'hex');
          const proof = map.prove(bytes);
          const found = verifyMapProof(bytes, proof, root, hasher);
          expect(found?.count).toBe(all.get(hex)?.length);
          for (const bad of spoilt(proof, flipped)) {
            expect(REFUSED).toContain(refusal(() => verifyMapProof(bytes, bad, root, hasher)));
          }
          // A proof made for one key is worth nothing for another that the map has.
          for (const stolen of [...all.keys()].slice(0, 5)) {
            if (stolen === hex) continue;
            const other = Buffer.from(stolen, 'hex');
            expect(REFUSED).toContain(refusal(() => verifyMapProof(other, proof, root, hasher)));
          }
        }
      }),
      { seed: 51, numRuns: 12 },
    );
  });

  it('of absence is refused for a key that is there, with any leaf or none in its place', () => {
    const all: Lists = new Map(Array.from({ length: 50 }, (_, i) => [hexOf(keyOf(i)), [i]]));
    const map = mapOf(all);
    const root = map.root();
    const target = keyOf(7);
    const { siblings } = map.prove(target);
    for (let depth = 0; depth <= siblings.length; depth++) {
      const upper = siblings.slice(siblings.length - depth);
      const empty = { siblings: upper };
      expect(refusal(() => verifyMapProof(target, empty, root, hasher))).toBe('root-mismatch');
      for (let i = 0; i < 50; i++) {
        const other = map.prove(keyOf(i)).list as { count: number; root: Uint8Array };
        const proof = { siblings: upper, other: { key: keyOf(i), ...other } };
        expect(REFUSED).toContain(refusal(() => verifyMapProof(target, proof, root, hasher)));
      }
    }
  });

  it('is bounded, and refuses what is no proof', () => {
    const root = hasher.empty;
    const long = { siblings: Array.from({ length: 257 }, () => hasher.empty) };
    const list = { count: 1, root };
    const both = { siblings: [], list, other: { key: keyOf(2), ...list } };
    const rows: [string, () => unknown][] = [
      ['map-proof', () => verifyMapProof(keyOf(1), long, root)],
      ['map-proof', () => verifyMapProof(keyOf(1), both, root)],
      ['map-key', () => verifyMapProof(new Uint8Array(31), { siblings: [] }, root)],
      ['hash-length', () => verifyMapProof(keyOf(1), { siblings: [new Uint8Array(31)] }, root)],
      ['hash-length', () => verifyMapProof(keyOf(1), { siblings: [] }, new Uint8Array(31))],
      ['map-list', () => rootFromMapProof(keyOf(1), { siblings: [], list: { count: 0, root } })],
      ['map-list', () => rootFromMapProof(keyOf(1), { siblings: [], list: { count: 1.5, root } })],
    ];
    for (const [code, check] of rows) expect(refusal(check)).toBe(code);
    expect(verifyMapProof(keyOf(1), { siblings: [] }, root)).toBeUndefined();
  });

  it('of a map of 20,000 keys is short', () => {
    const map = mapOf(new Map(Array.from({ length: 20_000 }, (_, i) => [hexOf(keyOf(i)), [i]])));
    const longest = Math.max(
      ...Array.from({ length: 2000 }, (_, i) => map.prove(keyOf(i)).siblings.length),
    );
    expect(longest).toBeLessThan(40);
  });
});

describe('a list', () => {
  const target = keyOf('listed');

  async function pagesOf(indices: number[]): Promise<{ map: MerkleMap; pages: ListPage[] }> {
    const map = MerkleMap.empty(hasher).with([[target, indices]]);
    const numbers = Array.from({ length: listPages(indices.length) }, (_, i) => i);
    return { map, pages: await Promise.all(numbers.map((n) => map.page(target, n))) };
  }

  it.each([1, 2, 255, 256, 257, 512, 700, 1500])('of %d indices pages', async (length) => {
    const indices = Array.from({ length }, (_, i) => i * 3);
    const { map, pages } = await pagesOf(indices);
    const list = verifyMapProof(target, map.prove(target), map.root(), hasher);
    if (!list) return expect.fail('the list is there');
    for (const page of pages) verifyListPage(list, page, hasher);
    expect(pages.flatMap((page) => page.indices)).toEqual(indices);
    // Grown one by one it is the same list.
    let grown = MerkleMap.empty(hasher);
    for (const index of indices) grown = grown.with([[target, [index]]]);
    expect(grown.root()).toEqual(map.root());
  });

  it('with an entry left out, put in, changed or moved is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 600 }), fc.nat(), async (length, dice) => {
        const indices = Array.from({ length }, (_, i) => i * 2);
        const { map, pages } = await pagesOf(indices);
        const list = map.prove(target).list as { count: number; root: Uint8Array };
        const page = pages[dice % pages.length] as ListPage;
        const at = dice % page.indices.length;
        const here = page.indices[at] as number;
        const shorter = { ...list, count: list.count - 1 };
        const bad: [typeof list, ListPage][] = [
          [list, { ...page, indices: page.indices.toSpliced(at, 1) }],
          [shorter, { ...page, indices: page.indices.toSpliced(at, 1) }],
          [list, { ...page, indices: page.indices.toSpliced(at, 0, here + 1) }],
          [list, { ...page, indices: page.indices.with(at, here + 1) }],
          [list, { ...page, indices: [...page.indices].reverse() }],
          [list, { ...page, number: page.number + 1 }],
          [list, { ...page, proof: [...page.proof, keyOf(1)] }],
        ];
        for (const [head, spoiltPage] of bad) {
          if (spoiltPage.indices.length === 1 && spoiltPage.indices[0] === here) {
            if (spoiltPage.number === page.number && spoiltPage.proof === page.proof) continue;
          }
          // A shorter head is not what the map commits to, whatever its pages say.
          const found = refusal(() => {
            verifyListPage(head, spoiltPage, hasher);
            verifyMapProof(target, { ...map.prove(target), list: head }, map.root(), hasher);
          });
          expect(REFUSED).toContain(found);
        }
      }),
      { seed: 52, numRuns: 60 },
    );
  });

  it('is refused when it does not ascend, is empty, or has keys twice', () => {
    const map = MerkleMap.empty(hasher).with([[target, [5]]]);
    for (const indices of [[5], [4], [], [6, 6], [2 ** 53], [6.5]]) {
      if (indices.length === 0) continue;
      expect(refusal(() => map.with([[target, indices]]))).toBe('map-list');
    }
    expect(refusal(() => MerkleMap.empty().with([[target, []]]))).toBe('map-list');
    const twice = [[target, [6]] as const, [target, [7]] as const];
    expect(refusal(() => map.with(twice))).toBe('map-key');
    expect(refusal(() => map.with([[new Uint8Array(8), [1]]]))).toBe('map-key');
    expect(map.count(target)).toBe(1);
    expect(map.count(keyOf('absent'))).toBe(0);
  });

  it('has only the pages it has', async () => {
    const { map } = await pagesOf([1, 2, 3]);
    const missing = expect.objectContaining({ code: 'index-out-of-range' }) as unknown;
    await expect(map.page(target, 1)).rejects.toEqual(missing);
    await expect(async () => map.page(keyOf('absent'), 0)).rejects.toEqual(missing);
    expect(LIST_PAGE_SIZE).toBe(256);
  });
});
