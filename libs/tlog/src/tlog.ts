import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_ENTRY_SIZE } from '@touchstone/merkle';
import { nobleVerifier } from '@touchstone/note';
import { AppendPool } from './append-pool.js';
import type { Appended, PendingAppend, Published } from './append-pool.js';
import { TlogError, reason } from './error.js';
import type { TlogErrorCode } from './error.js';
import { deferred } from './deferred.js';
import type { Deferred } from './deferred.js';
import { tlogLimits } from './limits.js';
import { nodeHasher } from './node-hasher.js';
import { openPublished, openState, removeLeftovers } from './open-state.js';
import type { Committed } from './open-state.js';
import { publishCheckpoint } from './publish-checkpoint.js';
import type { TileStorage } from './storage.js';
import type { TlogEvent, TlogOptions } from './tlog-options.js';
import { TreeWriter } from './tree-writer.js';
import { Publication } from './witness/publication.js';

const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 10_000;
/** A batch of so many is one of a busy log. */
const BUSY_ENTRIES = 8;

/**
 * The engine of a log: takes entries in, makes them durable in batches, publishes checkpoints.
 *
 * Crash order. Each step is durable before the next begins:
 *   1. entry bundles          } files of a tree that nobody was promised; a crash here leaves
 *   2. hash tiles             } leftovers, which are removed before the log goes on
 *   3. the right edge is read back and must give the new root; the lock is still held and the
 *      state on disk is the one written last
 *   4. state                  the commit point: from here on the entries are in the log, with
 *                             their indices; append() resolves
 *   5. checkpoint             signed, cosigned by witnesses when there are any, and written;
 *                             `published` resolves. A crash before it is made good at the next
 *                             open
 *
 * While one batch goes through this the next one collects; an idle log starts one at once.
 */
export class Tlog {
  readonly #storage: TileStorage;
  readonly #options: TlogOptions;
  readonly #clock: () => number;
  readonly #pool: AppendPool;
  readonly #tree: TreeWriter;
  #published: Published;
  #failure: TlogError | undefined;
  #closing = false;
  /** The batch that was started last. */
  #last = { began: 0, entries: 0 };
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryDelay = RETRY_FIRST_MS;
  /** Only of a log whose checkpoints are witnessed. */
  readonly #publication: Publication | undefined;
  /** Whether the published checkpoint was not cosigned by this process yet. */
  #unwitnessed = false;

  private constructor(options: TlogOptions, committed: Committed, published: Published) {
    this.#options = options;
    this.#storage = options.storage;
    this.#clock = options.clock ?? (() => performance.now());
    this.#pool = new AppendPool(tlogLimits(options.limits));
    this.#tree = new TreeWriter({
      storage: options.storage,
      lock: options.lock,
      hasher: nodeHasher,
      committed,
    });
    this.#published = published;
    if (options.cosign) {
      this.#publication = new Publication(() => this.#publish());
      this.#unwitnessed = true;
    }
  }

  /**
   * Continues the log in the storage, or begins one. What was committed but not published is
   * published; what was not committed is removed.
   */
  static async open(options: TlogOptions): Promise<Tlog> {
    tlogLimits(options.limits);
    const { storage, signer, verify = nobleVerifier } = options;
    const { keys = [signer.verifierKey] } = options;
    const origin = signer.verifierKey.name;
    const committed = await openState(storage, origin, nodeHasher);
    const found = await openPublished(storage, committed, keys, verify, nodeHasher);
    await removeLeftovers(storage, committed.state.range.size);
    const log = new Tlog(options, committed, found ?? { checkpoint: '', size: -1 });
    // A log that its witnesses keep from publishing serves its last checkpoint and tries again.
    if (log.#publication) await log.#publish().catch(() => undefined);
    else if (log.#lags()) await log.#publish();
    return log;
  }

  /** Leaves that the published checkpoint covers. */
  get size(): number {
    return Math.max(this.#published.size, 0);
  }

  /** Appends that wait for the next batch. */
  get queued(): number {
    return this.#pool.length;
  }

  /** Why the engine has stopped for good, when it has. */
  get failure(): TlogError | undefined {
    return this.#failure;
  }

  /** The signed note published last; empty when witnesses kept the first from being published. */
  checkpoint(): string {
    return this.#published.checkpoint;
  }

  /**
   * Resolves with the entry's index once it is durable.
   *
   * @throws TlogError `leaf-too-large`, `pool-full`, `log-closed`, `log-poisoned`; `batch-failed`
   * when storage failed: the entry is then in the log or not, which only looking can tell
   */
  append(leaf: Uint8Array): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (this.#closing) throw new TlogError('log-closed', 'the log is shutting down');
      if (leaf.length > MAX_ENTRY_SIZE) {
        throw new TlogError(
          'leaf-too-large',
          `an entry has at most ${MAX_ENTRY_SIZE} bytes, this one ${leaf.length}`,
        );
      }
      this.#pool.add({ leaf, resolve, reject });
      this.#start();
    });
  }

  /**
   * Finds out what became of a batch that storage failed, where that is still open, and gives the
   * size of the durable tree. After a `batch-failed` it tells which entries were persisted anyway.
   *
   * @throws TlogError `batch-failed` when storage fails again, `log-poisoned`
   */
  async settle(): Promise<number> {
    while (this.#running) await this.#running;
    if (this.#tree.doubtful && !this.#failure) {
      const recovery = this.#recover();
      this.#occupy(() => recovery.catch(() => undefined));
      await recovery.catch((cause: unknown) => {
        const message = `storage failed: ${reason(cause)}`;
        throw this.#failure ?? new TlogError('batch-failed', message, { cause });
      });
    }
    if (this.#failure) throw this.#failure;
    return this.#tree.size;
  }

  /**
   * Signs and publishes the newest tree once more, with fresh cosignatures, unless a checkpoint is
   * on its way already. How that ends is told by the event.
   */
  republish(): void {
    if (this.#failure || this.#closing) return;
    if (this.#publication) this.#publication.start();
    else if (!this.#running) this.#occupy(() => this.#catchUp());
  }

  /** Accepts no more, finishes what was accepted, publishes it, and releases the lock. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    await this.#running;
    await this.#publication?.idle();
    clearTimeout(this.#retry);
    if (!this.#failure && this.#lags()) await this.#publish().catch(() => undefined);
    await this.#options.lock?.release();
  }

  #start(): void {
    this.#occupy(() => this.#run());
  }

  /** One thing at a time writes; appends that came too late for it are looked after when it ends. */
  #occupy(work: () => Promise<void>): void {
    this.#running ??= work().finally(() => {
      this.#running = undefined;
      if (this.#pool.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#pool.length > 0 && !this.#failure) {
      // Appends made in the same turn of the event loop share a batch, also when the log is idle.
      await new Promise((done) => setImmediate(done));
      await this.#linger();
      const published = await this.#integrate(this.#pool.take());
      if (!published) continue;
      if (this.#publication) this.#publication.add(published);
      else await this.#publish().then(published.resolve, published.reject);
    }
    if (this.#failure) this.#pool.rejectAll(this.#failure);
  }

  /** A log that is busy waits for more; one that is not starts at once. */
  async #linger(): Promise<void> {
    const { began, entries } = this.#last;
    const linger = this.#options.lingerMs ?? 0;
    // A clock that jumped back makes no wait longer than the longest.
    const wait = Math.min(linger, linger - (this.#clock() - began));
    if (wait > 0 && entries >= BUSY_ENTRIES && !this.#closing) await sleep(wait);
    this.#last = { began: this.#clock(), entries: this.#pool.length };
  }

  async #integrate(batch: PendingAppend[]): Promise<Deferred | undefined> {
    const began = this.#clock();
    try {
      if (this.#tree.doubtful) await this.#recover();
      await this.#guarded(() => this.#tree.commit(batch.map(({ leaf }) => leaf)));
    } catch (cause) {
      await this.#fail(batch, cause);
      return undefined;
    }
    const { size } = this.#tree;
    this.#emit({
      type: 'integrated',
      entries: batch.length,
      size,
      duration: this.#clock() - began,
    });
    const published = deferred();
    const base = size - batch.length;
    for (const [i, append] of batch.entries()) {
      append.resolve({ index: base + i, published: published.promise });
    }
    return published;
  }

  async #fail(batch: PendingAppend[], cause: unknown): Promise<void> {
    const error = new TlogError('batch-failed', `storage failed: ${reason(cause)}`, { cause });
    if (!this.#failure) {
      this.#emit({ type: 'failed', error });
      // When this fails too, the next batch begins with it.
      await this.#recover().catch(() => undefined);
    }
    for (const append of batch) append.reject(this.#failure ?? error);
  }

  async #recover(): Promise<void> {
    if (await this.#guarded(() => this.#tree.recover())) await this.#catchUp();
  }

  /** Step 5. Only a committed tree is signed, whose right edge was read back in step 3 or at open. */
  async #publish(): Promise<Published> {
    const began = this.#clock();
    const { signer, signers } = this.#options;
    const { state } = this.#tree;
    try {
      const by = signers?.() ?? [signer];
      this.#published = await publishCheckpoint(this.#storage, by, state, this.#cosigner());
      this.#unwitnessed = false;
    } catch (cause) {
      const error = new TlogError(
        hasCode(cause, 'quorum-missing') ? 'quorum-missing' : 'publish-failed',
        `entries up to ${state.range.size} are durable, their checkpoint is not: ${reason(cause)}`,
        { cause },
      );
      this.#emit({ type: 'failed', error });
      this.#retryLater();
      throw error;
    }
    this.#retryDelay = RETRY_FIRST_MS;
    const { size } = this.#published;
    this.#emit({ type: 'published', size, duration: this.#clock() - began });
    return this.#published;
  }

  #lags(): boolean {
    return this.#unwitnessed || this.#published.size < this.#tree.size;
  }

  /** Much can happen while witnesses are asked: what stops a batch then stops the checkpoint. */
  #cosigner(): TlogOptions['cosign'] {
    const { cosign, lock } = this.#options;
    return (
      cosign &&
      (async (checkpoint, size) => {
        const cosigned = await cosign(checkpoint, size);
        if (this.#failure) throw this.#failure;
        await lock?.assertHeld();
        return cosigned;
      })
    );
  }

  async #catchUp(): Promise<void> {
    if (this.#publication) this.#publication.start();
    else await this.#publish().catch(() => undefined);
  }

  /** A quiet log must not keep its last entries unpublished for want of another append. */
  #retryLater(): void {
    if (this.#closing) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#failure || !this.#lags()) return;
      if (this.#publication) this.#publication.start();
      else if (!this.#running) this.#occupy(() => this.#catchUp());
    }, this.#retryDelay);
    this.#retryDelay = Math.min(this.#retryDelay * 2, RETRY_LAST_MS);
  }

  /** What poisons the tree stops the engine for good. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'log-poisoned') throw error;
      this.#failure ??= error;
      this.#emit({ type: 'failed', error });
      throw this.#failure;
    }
  }

  #emit(event: TlogEvent): void {
    this.#options.observe?.(event);
  }
}

function hasCode(error: unknown, code: TlogErrorCode): boolean {
  return error instanceof TlogError && error.code === code;
}
