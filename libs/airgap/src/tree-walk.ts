import { CompactRange, coveringNodes, type TreeHasher } from '@touchstone/merkle';
import { AirgapError } from './errors.js';

/** Where an importer stands: size and root of the tree it verified last, and its right edge. */
export interface TreeBase {
  readonly size: number;
  readonly root: Uint8Array;
  /** Hashes of the compact range of that size; without it a bundle must bring the prefix. */
  readonly frontier?: readonly Uint8Array[];
}

/**
 * The leaves of the log from left to right, some of them as hashes of subtrees: a multi-proof that
 * is checked as it streams, in memory that grows with the logarithm of the tree. When it comes by
 * the base it compares roots there, which proves consistency (RFC 6962 section 2.1.2) without a
 * proof of its own; so a gap is cut at the base.
 */
export class TreeWalk {
  readonly #range: CompactRange;
  readonly #hasher: TreeHasher;
  readonly #base: TreeBase;
  readonly #cut: number;
  /** Whether the root at the base is the importer's; undefined until the walk comes by. */
  #consistent: boolean | undefined;

  /**
   * @param base where the importer stands
   * @param cut the size at which the exporter cut its gaps: the base as it knew it
   */
  constructor(base: TreeBase, cut: number, proof: 'prefix' | 'frontier', hasher: TreeHasher) {
    this.#hasher = hasher;
    this.#base = base;
    this.#cut = cut;
    if (proof === 'frontier') {
      if (base.frontier === undefined) {
        throw new AirgapError(
          'base-mismatch',
          "the bundle needs the tree's frontier, which this site does not keep; export it with the prefix",
        );
      }
      this.#range = new CompactRange(hasher, base.size, base.frontier);
    } else {
      this.#range = new CompactRange(hasher);
    }
    this.#compare();
  }

  /** Index of the next leaf. */
  get position(): number {
    return this.#range.size;
  }

  /** Whether the importer's tree is a prefix of what was walked; undefined before its size. */
  get consistent(): boolean | undefined {
    return this.#consistent;
  }

  get frontier(): readonly Uint8Array[] {
    return this.#range.hashes;
  }

  root(): Uint8Array {
    return this.#range.root();
  }

  leaf(bytes: Uint8Array): void {
    this.#range.append(this.#hasher.leaf(bytes));
    this.#compare();
  }

  /** @throws AirgapError `bundle-malformed` when the hashes are not those that the gap takes */
  skip(leaves: number, hashes: readonly Uint8Array[]): void {
    const begin = this.position;
    const nodes = gapNodes(begin, begin + leaves, this.#cut);
    if (nodes.length !== hashes.length) {
      throw new AirgapError(
        'bundle-malformed',
        `${leaves} leaves from ${begin} are ${nodes.length} subtrees, but ${hashes.length} hashes came`,
      );
    }
    nodes.forEach(({ level }, at) => {
      this.#range.appendSubtree(level, hashes[at] as Uint8Array);
      this.#compare();
    });
  }

  #compare(): void {
    if (this.#range.size !== this.#base.size) return;
    const root = this.#range.root();
    this.#consistent = root.every((byte, at) => byte === this.#base.root[at]);
  }
}

/** The subtrees of a gap: the fewest, cut where the importer stands. */
export function gapNodes(
  begin: number,
  end: number,
  base: number,
): { readonly level: number; readonly index: number }[] {
  if (base <= begin || base >= end) return coveringNodes(begin, end);
  return [...coveringNodes(begin, base), ...coveringNodes(base, end)];
}
