import { TlogError } from '@touchstone/tlog';
import type { Appended } from '@touchstone/tlog';
import { byteText } from '../byte-text.js';
import type { Log } from '../log.js';
import { Indexer } from './indexer.js';
import type { LeafTimes } from './leaf-times.js';
import type { LogIndex, NewLeaf } from './log-index.js';

/** An entry that is in the log, put there just now or long ago. */
export interface LoggedEntry {
  readonly index: number;
  /** Whether the log had it already. */
  readonly known: boolean;
  /** Resolves with a published checkpoint that covers the entry. */
  readonly published: Appended['published'];
}

/** What of a log the index stands on. */
export type AppendLog = Pick<Log, 'append' | 'settle' | 'readLeaves' | 'publishedAt' | 'failure'>;

export interface IndexedLogOptions<L extends AppendLog> {
  readonly log: L;
  readonly index: LogIndex;
  readonly times: LeafTimes;
  readonly describe: (leaf: Uint8Array) => Promise<NewLeaf>;
  /** Seconds of the Unix epoch. */
  readonly clock: () => number;
  readonly progress?: (indexed: number, size: number) => void;
  /** The index could not be read or written; the log goes on where it can. */
  readonly failed: (error: unknown) => void;
}

/**
 * Keeps an entry from being logged twice. An entry on its way is found in `#pending` until the
 * index has it, so at no moment is there one that neither knows of; of any number of callers with
 * the same entry one appends it, and all get its index.
 *
 * When storage fails under a batch, its entries may be in the tree nonetheless. Nothing is
 * appended then before the engine has found out and the index has read what was persisted anyway.
 */
export class IndexedLog<L extends AppendLog = Log> {
  readonly log: L;
  readonly index: LogIndex;
  readonly #options: IndexedLogOptions<L>;
  readonly #indexer: Indexer;
  readonly #pending = new Map<string, Promise<LoggedEntry>>();
  #settled: Promise<void> | undefined = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #lookups: Lookup[] = [];

  private constructor(options: IndexedLogOptions<L>) {
    this.#options = options;
    this.log = options.log;
    this.index = options.index;
    this.#indexer = new Indexer({
      ...options,
      readLeaves: (from, to, size) => options.log.readLeaves(from, to, size),
    });
  }

  /** Resolves once the index has every leaf of the durable tree. */
  static async open<L extends AppendLog>(options: IndexedLogOptions<L>): Promise<IndexedLog<L>> {
    const indexed = new IndexedLog<L>(options);
    await indexed.#indexer.catchUp(await options.log.settle());
    return indexed;
  }

  /** Logs an entry that is not logged yet; resolves when it is durable. */
  async append(leaf: Uint8Array, known?: NewLeaf): Promise<LoggedEntry> {
    const described = known ?? (await this.#options.describe(leaf));
    const id = idOf(described.hash);
    const pending = this.#pending.get(id);
    if (pending) return { ...(await pending), known: true };
    const appended = this.#append(leaf, described);
    this.#pending.set(id, appended);
    return appended;
  }

  /** Where the log has the leaf with this hash. */
  async find(hash: Uint8Array): Promise<number | undefined> {
    const pending = await this.#pending.get(idOf(hash))?.catch(() => undefined);
    return pending ? pending.index : this.#lookUp(hash);
  }

  /** Seconds at which a leaf came into the log; undefined while that is not noted durably. */
  timeOf(index: number): Promise<number | undefined> {
    return this.#options.times.at(index);
  }

  /** Leaves [from, to) that came in these seconds, as far as their time is noted. */
  between(since: number, until: number): Promise<{ from: number; to: number }> {
    return this.#options.times.between(since, until);
  }

  #lookUp(hash: Uint8Array): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      // Lookups of one turn of the event loop are one query.
      if (this.#lookups.length === 0) setImmediate(() => void this.#ask());
      this.#lookups.push({ hash, resolve, reject });
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry);
    await this.#indexer.close();
    await this.index.close();
    await this.#options.times.close();
  }

  async #append(leaf: Uint8Array, described: NewLeaf): Promise<LoggedEntry> {
    const id = idOf(described.hash);
    try {
      await this.#settle();
      const found = await this.#lookUp(described.hash);
      if (found !== undefined) {
        this.#pending.delete(id);
        const index = found;
        return { index, known: true, published: this.log.publishedAt(index) };
      }
      const { index, published } = await this.log.append(leaf);
      // Whoever awaits the entry learns of its publication; until then it is nobody's failure.
      published.catch(() => undefined);
      const indexed = this.#indexer.add(index, described).then(() => this.#pending.delete(id));
      await soon(indexed);
      return { index, known: false, published };
    } catch (error) {
      this.#pending.delete(id);
      if (error instanceof TlogError && error.code === 'batch-failed') this.#unsettle();
      throw error;
    }
  }

  /** Entries of later batches wait for those that were persisted anyway, so it is not put off. */
  #unsettle(): void {
    this.#settled = undefined;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#settle().catch((error: unknown) => {
        this.#options.failed(error);
        if (!this.log.failure) this.#unsettle();
      });
    }, RETRY_MS);
  }

  #settle(): Promise<void> {
    this.#settled ??= this.log
      .settle()
      .then((size) => this.#indexer.catchUp(size))
      .catch((error: unknown) => {
        this.#settled = undefined;
        throw error;
      });
    return this.#settled;
  }

  async #ask(): Promise<void> {
    const lookups = this.#lookups;
    this.#lookups = [];
    try {
      const found = await this.index.find(lookups.map(({ hash }) => hash));
      for (const [at, { resolve }] of lookups.entries()) resolve(found[at]);
    } catch (error) {
      this.#options.failed(error);
      for (const { reject } of lookups) reject(error);
    }
  }
}

const RETRY_MS = 200;
const INDEX_WAIT_MS = 2_000;

/** A search right after a write should find it, but an index that is away holds no answer up. */
async function soon(indexed: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, INDEX_WAIT_MS);
  });
  await Promise.race([indexed, late]);
  clearTimeout(timer);
}

function idOf(hash: Uint8Array): string {
  return byteText(hash, 'latin1');
}

interface Lookup {
  readonly hash: Uint8Array;
  readonly resolve: (index: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}
