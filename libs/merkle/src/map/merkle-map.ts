import { MerkleError } from '../errors.js';
import { checkKey, keyBit, nobleMapHasher, type MapHasher } from './map-hash.js';
import type { MapProof } from './map-proof.js';
import { PostingList, type ListPage } from './posting-list.js';

/** Hashes and keys are held as strings of 32 Latin-1 characters: a third of a Uint8Array's memory. */
interface Leaf {
  readonly key: string;
  readonly list: PostingList;
}

interface Branch {
  readonly left: Node;
  readonly right: Node;
  readonly hash: string;
}

/** A subtree: with no key, with one, or with more. */
type Node = Leaf | Branch | undefined;

/** New indices of one key. */
interface Change {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly indices: readonly number[];
}

/**
 * A Merkle map from keys of 32 bytes to ascending lists of leaf indices.
 *
 * The tree branches at the bits of the keys, the first bit at the root. A subtree with one key is
 * that key's leaf and one without is the empty hash, so a way through the map of n keys is about
 * log2(n) long, and the root depends on the keys and lists alone, not on how they came in.
 *
 * A value: `with` gives a new map that shares what did not change; the old one stays readable.
 */
export class MerkleMap {
  readonly #hasher: MapHasher;
  readonly #root: Node;
  /** Keys in the map. */
  readonly size: number;

  private constructor(hasher: MapHasher, root: Node, size: number) {
    this.#hasher = hasher;
    this.#root = root;
    this.size = size;
  }

  static empty(hasher: MapHasher = nobleMapHasher): MerkleMap {
    return new MerkleMap(hasher, undefined, 0);
  }

  /**
   * The map with more indices at the ends of lists. Each node on the way is hashed once, so many
   * changes at once cost less than one after the other.
   *
   * @throws MerkleError `map-key` for a key of another length or one that stands there twice,
   * `map-list` when a list would not ascend
   */
  with(changes: Iterable<readonly [key: Uint8Array, indices: readonly number[]]>): MerkleMap {
    const sorted: Change[] = [];
    for (const [bytes, indices] of changes) {
      checkKey(bytes);
      sorted.push({ key: pack(bytes), bytes, indices });
    }
    sorted.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const [i, { key }] of sorted.entries()) {
      if (sorted[i + 1]?.key === key) throw new MerkleError('map-key', 'a key is changed twice');
    }
    const update = new Update(this.#hasher, sorted);
    const root = update.apply(this.#root, 0, 0, sorted.length);
    return new MerkleMap(this.#hasher, root, this.size + update.added);
  }

  root(): Uint8Array {
    return hashOf(this.#root, this.#hasher);
  }

  /** Proof of the list of a key, or of its absence. */
  prove(key: Uint8Array): MapProof {
    checkKey(key);
    const siblings: Uint8Array[] = [];
    let node = this.#root;
    for (let depth = 0; node && 'hash' in node; depth++) {
      const right = keyBit(key, depth) === 1;
      siblings.push(hashOf(right ? node.left : node.right, this.#hasher));
      node = right ? node.right : node.left;
    }
    siblings.reverse();
    if (!node) return { siblings };
    const { list } = node;
    const head = { count: list.count, root: list.root(this.#hasher.list) };
    if (node.key === pack(key)) return { siblings, list: head };
    return { siblings, other: { key: unpack(node.key), ...head } };
  }

  /** Indices of a key; 0 when it is not there. */
  count(key: Uint8Array): number {
    return this.#find(key)?.count ?? 0;
  }

  /** A page of the list of a key. @throws MerkleError `index-out-of-range` */
  page(key: Uint8Array, number: number): Promise<ListPage> {
    const list = this.#find(key);
    if (!list) throw new MerkleError('index-out-of-range', 'a key that is absent has no pages');
    return list.page(number, this.#hasher.list);
  }

  #find(key: Uint8Array): PostingList | undefined {
    checkKey(key);
    let node = this.#root;
    for (let depth = 0; node && 'hash' in node; depth++) {
      node = keyBit(key, depth) === 1 ? node.right : node.left;
    }
    return node?.key === pack(key) ? node.list : undefined;
  }
}

class Update {
  readonly #hasher: MapHasher;
  readonly #changes: readonly Change[];
  /** Keys that were not there before. */
  added = 0;

  constructor(hasher: MapHasher, changes: readonly Change[]) {
    this.#hasher = hasher;
    this.#changes = changes;
  }

  /** Changes [begin, end) are those whose keys lead to this node. */
  apply(node: Node, depth: number, begin: number, end: number): Node {
    const first = this.#changes[begin];
    if (begin === end || !first) return node;
    if (end - begin === 1) {
      if (!node) return this.#leaf(first, undefined);
      if ('key' in node && node.key === first.key) return this.#leaf(first, node.list);
    }
    let [left, right] = childrenOf(node, depth);
    const middle = this.#split(depth, begin, end);
    left = this.apply(left, depth + 1, begin, middle);
    right = this.apply(right, depth + 1, middle, end);
    const hash = this.#hasher.node(hashOf(left, this.#hasher), hashOf(right, this.#hasher));
    return { left, right, hash: pack(hash) };
  }

  #leaf({ key, indices }: Change, before: PostingList | undefined): Leaf {
    if (!before) this.added++;
    const { list: hasher } = this.#hasher;
    return { key, list: before?.with(indices, hasher) ?? PostingList.of(indices, hasher) };
  }

  /** The first change in [begin, end) that goes right. */
  #split(depth: number, begin: number, end: number): number {
    let middle = begin;
    while (middle < end && keyBit((this.#changes[middle] as Change).bytes, depth) === 0) middle++;
    return middle;
  }
}

/** A leaf that shares its place with a new key moves one level down. */
function childrenOf(node: Node, depth: number): [Node, Node] {
  if (!node) return [undefined, undefined];
  if ('hash' in node) return [node.left, node.right];
  return keyBit(unpack(node.key), depth) === 1 ? [undefined, node] : [node, undefined];
}

/** A leaf's hash is made when it is asked for: keeping it would cost more than it is worth. */
function hashOf(node: Node, hasher: MapHasher): Uint8Array {
  if (!node) return hasher.empty;
  if ('hash' in node) return unpack(node.hash);
  return hasher.leaf(unpack(node.key), node.list.count, node.list.root(hasher.list));
}

function pack(bytes: Uint8Array): string {
  // Not spread: iterating over the bytes takes longer than hashing them.
  return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
}

function unpack(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
