import { TlogError } from './error.js';
import type { TlogLimits } from './limits.js';

export interface Published {
  /** The signed note as it was published. */
  readonly checkpoint: string;
  readonly size: number;
}

export interface Appended {
  readonly index: number;
  /** Resolves when a signed checkpoint that covers the entry is published, durably. */
  readonly published: Promise<Published>;
}

export interface PendingAppend {
  readonly leaf: Uint8Array;
  resolve(appended: Appended): void;
  reject(error: TlogError): void;
}

/** Appends that wait for the next batch, bounded in number and bytes. */
export class AppendPool {
  readonly #limits: TlogLimits;
  #waiting: PendingAppend[] = [];
  #bytes = 0;

  constructor(limits: TlogLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** @throws TlogError `pool-full` */
  add(append: PendingAppend): void {
    const { poolEntries, poolBytes } = this.#limits;
    if (this.#waiting.length >= poolEntries || this.#bytes + append.leaf.length > poolBytes) {
      throw new TlogError(
        'pool-full',
        `${this.#waiting.length} entries (${this.#bytes} bytes) already wait; try again later`,
      );
    }
    this.#waiting.push(append);
    this.#bytes += append.leaf.length;
  }

  /** The appends of the next batch, oldest first; at least one unless none waits. */
  take(): PendingAppend[] {
    const { batchEntries, batchBytes } = this.#limits;
    let count = 0;
    let bytes = 0;
    for (const { leaf } of this.#waiting) {
      if (count === batchEntries || (count > 0 && bytes + leaf.length > batchBytes)) break;
      bytes += leaf.length;
      count++;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#bytes -= bytes;
    return batch;
  }

  rejectAll(error: TlogError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const append of waiting) append.reject(error);
  }
}
