import { TlogError } from '../error.js';
import type { BucketFile } from './bucket-file.js';
import type { MapNode } from './map-node.js';
import type { NodeTable } from './node-table.js';
import type { NodeUndo } from './node-undo.js';

/** Versions that stay readable behind the newest one. */
const KEPT_VERSIONS = 8;
/** Nodes that are kept for them, 52 bytes each. */
const KEPT_NODES = 2 ** 18;

/** A node as a version has it, and the file in which its bucket is. */
export interface VersionNode {
  readonly node: MapNode;
  readonly buckets: BucketFile;
}

interface Past {
  readonly version: number;
  readonly undo: NodeUndo;
  readonly buckets: BucketFile;
}

/**
 * Which nodes the map has now, and had some versions ago. Each version that was left behind keeps
 * what the next one changed, so one reads a node of it where it was changed first afterwards.
 */
export class MapVersions {
  readonly table: NodeTable;
  /** The file of the buckets that the nodes of now speak of. */
  buckets: BucketFile;
  /** Oldest first. */
  #past: Past[] = [];
  #last = 0;
  #committed = 0;
  #staged: number | undefined;

  constructor(table: NodeTable, buckets: BucketFile) {
    this.table = table;
    this.buckets = buckets;
  }

  /** The newest version that is not being made. */
  get committed(): number {
    return this.#committed;
  }

  /** Begins a version beside the committed one. @returns its number */
  begin(): number {
    this.table.begin();
    this.#staged = ++this.#last;
    return this.#staged;
  }

  commit(): void {
    if (this.#staged === undefined) return;
    const undo = this.table.end();
    this.#past.push({ version: this.#committed, undo, buckets: this.buckets });
    this.#committed = this.#staged;
    this.#staged = undefined;
    let nodes = this.#past.reduce((sum, past) => sum + past.undo.size, 0);
    while (this.#past.length > KEPT_VERSIONS || (nodes > KEPT_NODES && this.#past.length > 0)) {
      nodes -= this.#past[0]?.undo.size ?? 0;
      this.#drop();
    }
  }

  rollback(): void {
    this.table.rollback();
    this.#staged = undefined;
  }

  /** From here on buckets are in another file, where the nodes say. */
  moveTo(buckets: BucketFile): void {
    const before = this.buckets;
    this.buckets = buckets;
    if (!this.#past.some((past) => past.buckets === before)) before.close();
  }

  has(version: number): boolean {
    if (version === this.#committed || version === this.#staged) return true;
    return this.#past.some((past) => past.version === version);
  }

  /** @throws TlogError `map-version` when the version is not kept any more */
  node(version: number, id: number): VersionNode {
    const { table, buckets } = this;
    if (version === this.#staged) return { node: table.node(id), buckets };
    if (version !== this.#committed) {
      const first = this.#past.findIndex((past) => past.version === version);
      if (first === -1) {
        throw new TlogError('map-version', 'this version of the map is not kept any more');
      }
      for (const past of this.#past.slice(first)) {
        const node = past.undo.find(id);
        if (node) return { node, buckets: past.buckets };
      }
    }
    return { node: table.before(id) ?? table.node(id), buckets };
  }

  /** No version can be read from here on. */
  close(): void {
    while (this.#past.length > 0) this.#drop();
    this.buckets.close();
    this.#committed = -1;
    this.#staged = undefined;
  }

  #drop(): void {
    const dropped = this.#past.shift()?.buckets;
    if (!dropped || dropped === this.buckets) return;
    if (!this.#past.some(({ buckets }) => buckets === dropped)) dropped.close();
  }
}
