import type { LeafTimes } from './leaf-times.js';
import type { LogIndex, NewLeaf } from './log-index.js';

/** Leaves indexed in one transaction. */
const BATCH = 4096;
const RETRY_MS = 500;

/** Hands out leaves of the durable tree of `size` leaves, for what the index missed. */
export type ReadLeaves = (from: number, to: number, size: number) => Promise<Uint8Array[]>;

export interface IndexerOptions {
  readonly index: LogIndex;
  /** Notes when leaves came, before anybody is told. */
  readonly times: LeafTimes;
  readonly readLeaves: ReadLeaves;
  /** Hash and search keys of a leaf. */
  readonly describe: (leaf: Uint8Array) => Promise<NewLeaf>;
  /** Seconds of the Unix epoch. */
  readonly clock: () => number;
  /** How far it has caught up with a tree of `size` leaves: of a large one that takes minutes. */
  readonly progress?: (indexed: number, size: number) => void;
  readonly failed: (error: unknown) => void;
}

interface Waiting extends NewLeaf {
  readonly done: () => void;
}

/**
 * Writes the index behind the tree, never before it:
 *   1. the leaves are durable in the tree, their commit point passed,
 *   2. their time is noted for good,
 *   3. the index takes them, all leaves of a write in one transaction.
 * A crash before the last leaves an index that is short, and {@link Indexer.catchUp} reads what it
 * lacks from the tiles before the log takes writes. An index that is ahead of the tree, or of
 * another tree, is thrown away and made anew.
 */
export class Indexer {
  readonly #options: IndexerOptions;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #writing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /** Brings the index to the durable tree of `size` leaves. */
  async catchUp(size: number): Promise<void> {
    while (this.#writing) await this.#writing;
    const caughtUp = this.#catchUp(size);
    // Who waits for a turn does not hear of the failure; who asked for this does.
    this.#occupy(() => caughtUp.catch(() => undefined));
    await caughtUp;
  }

  /** Indexes a leaf that the tree has at `position`; resolves when the index has it. */
  add(position: number, leaf: NewLeaf): Promise<void> {
    if (position < this.#next) return Promise.resolve();
    return new Promise((done) => {
      this.#waiting.set(position, { ...leaf, done });
      this.#start();
    });
  }

  /** Writes what is waiting, once more if it fails, and no more after that. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#start();
    await this.#writing;
  }

  #start(): void {
    if (this.#waiting.has(this.#next)) this.#occupy(() => this.#write());
  }

  /** One at a time writes to the index. */
  #occupy(work: () => Promise<void>): void {
    this.#writing ??= work().finally(() => {
      this.#writing = undefined;
    });
  }

  async #catchUp(size: number): Promise<void> {
    const { index, readLeaves, describe, progress } = this.#options;
    let at = await index.size();
    if (!(await this.#isOfThisTree(at, size))) {
      await index.clear();
      at = 0;
    }
    while (at < size) {
      const to = Math.min(size, at + BATCH);
      const leaves = await readLeaves(at, to, size);
      await this.#add(at, await Promise.all(leaves.map(describe)));
      at = to;
      progress?.(at, size);
    }
    this.#next = at;
    for (const [position, { done }] of this.#waiting) {
      if (position >= at) continue;
      this.#waiting.delete(position);
      done();
    }
    if (this.#waiting.has(at)) this.#retryIn(0);
  }

  async #write(): Promise<void> {
    // Leaves of one batch of the tree arrive in one turn of the event loop.
    await new Promise((done) => setImmediate(done));
    try {
      for (let batch = this.#batch(); batch.length > 0; batch = this.#batch()) {
        await this.#add(this.#next, batch);
        for (const { done } of batch) {
          this.#waiting.delete(this.#next);
          this.#next += 1;
          done();
        }
      }
    } catch (error) {
      this.#options.failed(error);
      this.#retryIn(RETRY_MS);
    }
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#retry);
    if (!this.#closed) this.#retry = setTimeout(() => this.#start(), ms);
  }

  #batch(): Waiting[] {
    const batch: Waiting[] = [];
    while (batch.length < BATCH) {
      const leaf = this.#waiting.get(this.#next + batch.length);
      if (!leaf) break;
      batch.push(leaf);
    }
    return batch;
  }

  async #add(first: number, leaves: readonly NewLeaf[]): Promise<void> {
    const { index, times, clock } = this.#options;
    const noted = Math.max(first, times.end);
    const end = first + leaves.length;
    if (noted < end) await times.note(noted, end - noted, clock());
    try {
      await index.add(first, leaves);
    } catch (error) {
      // What was committed although it was reported as failed is not committed twice.
      if ((await index.size()) !== end || !isSame(await index.last(), leaves.at(-1))) throw error;
    }
  }

  async #isOfThisTree(indexed: number, size: number): Promise<boolean> {
    if (indexed > size) return false;
    if (indexed === 0) return true;
    const [leaf] = await this.#options.readLeaves(indexed - 1, indexed, size);
    if (!leaf) return false;
    return isSame(await this.#options.index.last(), await this.#options.describe(leaf));
  }
}

function isSame(hash: Uint8Array | undefined, leaf: NewLeaf | undefined): boolean {
  return hash !== undefined && leaf !== undefined && Buffer.compare(hash, leaf.hash) === 0;
}
