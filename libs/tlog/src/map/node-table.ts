import { HASH_SIZE } from '@touchstone/merkle';
import type { MapNode } from './map-node.js';
import { NodeUndo } from './node-undo.js';

const SEGMENT_BITS = 12;
const SEGMENT = 2 ** SEGMENT_BITS;
/** Numbers of nodes have to be what engines hold in place. */
const MAX_NODES = 2 ** 30;

/** The bytes of some nodes in a row, as they are held and as they are saved. */
export interface NodeSegment {
  readonly hashes: Uint8Array;
  /** Place and length of each. */
  readonly words: Uint32Array;
}

/**
 * The nodes of a map above its buckets, in flat memory: 44 bytes each and no objects, so that the
 * collector has nothing to look at. Node 0 is the root. Children come in pairs, and after their
 * parent.
 *
 * What changes between `begin` and `end` is noted first, so that it can be undone, and read as it
 * was.
 */
export class NodeTable {
  readonly #segments: NodeSegment[] = [];
  /** For each node its place in the open undo, plus one. */
  readonly #marks: Uint32Array[] = [];
  #count: number;
  #undo: NodeUndo | undefined;

  /** @param root hash of a map without keys */
  constructor(root: Uint8Array) {
    this.#count = 0;
    this.allocatePair();
    this.set(0, 0, 0);
    this.setHash(0, root);
  }

  get count(): number {
    return this.#count;
  }

  /** The first of two new nodes. @throws RangeError when there are too many */
  allocatePair(): number {
    if (this.#count + 2 > MAX_NODES) throw new RangeError('the map has too many nodes');
    if (this.#count >> SEGMENT_BITS === this.#segments.length) {
      const hashes = new Uint8Array(SEGMENT * HASH_SIZE);
      this.#segments.push({ hashes, words: new Uint32Array(SEGMENT * 2) });
      this.#marks.push(new Uint32Array(SEGMENT));
    }
    this.#count += 2;
    return this.#count - 2;
  }

  place(id: number): number {
    return this.#segment(id).words[(id % SEGMENT) * 2] as number;
  }

  length(id: number): number {
    return this.#segment(id).words[(id % SEGMENT) * 2 + 1] as number;
  }

  /** In the memory of the table: it changes with the node. */
  hash(id: number): Uint8Array {
    const at = (id % SEGMENT) * HASH_SIZE;
    return this.#segment(id).hashes.subarray(at, at + HASH_SIZE);
  }

  set(id: number, place: number, length: number): void {
    const { words } = this.#segment(id);
    words[(id % SEGMENT) * 2] = place;
    words[(id % SEGMENT) * 2 + 1] = length;
  }

  setHash(id: number, hash: Uint8Array): void {
    this.#segment(id).hashes.set(hash, (id % SEGMENT) * HASH_SIZE);
  }

  node(id: number): MapNode {
    return { hash: this.hash(id), place: this.place(id), length: this.length(id) };
  }

  /** From here on nodes are touched before they change. */
  begin(): void {
    this.#undo = new NodeUndo(this.#count);
  }

  /** Notes what a node is before it changes. */
  touch(id: number): void {
    const marks = this.#marks[id >> SEGMENT_BITS] as Uint32Array;
    if (!this.#undo || marks[id % SEGMENT] !== 0) return;
    marks[id % SEGMENT] = 1 + this.#undo.push(id, this.node(id));
  }

  /** Nodes that were touched, each after its parent. */
  get touched(): Uint32Array {
    return this.#undo?.ids ?? new Uint32Array();
  }

  /** What the node was at the begin, when it was touched since. */
  before(id: number): MapNode | undefined {
    const mark = this.#marks[id >> SEGMENT_BITS]?.[id % SEGMENT] ?? 0;
    return mark === 0 ? undefined : this.#undo?.at(mark - 1);
  }

  /** Keeps what was changed; what it was remains in the undo. */
  end(): NodeUndo {
    const undo = this.#undo ?? new NodeUndo(this.#count);
    this.#unmark();
    this.#undo = undefined;
    undo.seal();
    return undo;
  }

  /** Makes all nodes what they were at the begin. */
  rollback(): void {
    if (!this.#undo) return;
    const undo = this.#undo;
    this.#unmark();
    this.#undo = undefined;
    for (const [at, id] of undo.ids.entries()) {
      const { hash, place, length } = undo.at(at);
      this.set(id, place, length);
      this.setHash(id, hash);
    }
    this.#count = undo.count;
  }

  #unmark(): void {
    for (const id of this.touched) {
      (this.#marks[id >> SEGMENT_BITS] as Uint32Array)[id % SEGMENT] = 0;
    }
  }

  /** All nodes, some at a time; the last segment has room for more. */
  segments(): readonly NodeSegment[] {
    return this.#segments;
  }

  #segment(id: number): NodeSegment {
    return this.#segments[id >> SEGMENT_BITS] as NodeSegment;
  }
}
