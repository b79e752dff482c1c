import type { TreeHasher } from '@touchstone/merkle';
import { TlogError, reason } from './error.js';
import type { Lock } from './folder-lock.js';
import { checkSameRoot, committedFrom, removeLeftovers } from './open-state.js';
import type { Committed } from './open-state.js';
import { encodeState, equalBytes } from './state.js';
import type { LogState } from './state.js';
import { STATE_PATH, writeFiles } from './storage.js';
import type { TileStorage } from './storage.js';
import { integrate, readRange } from './tree-edge.js';

/**
 * The durable tree of a log and the one way to grow it: steps 1 to 4 of the crash order that Tlog
 * tells. When storage fails within them it is open which tree the log has, until `recover` has
 * found out. One call at a time.
 */
export class TreeWriter {
  readonly #storage: TileStorage;
  readonly #lock: Lock | undefined;
  readonly #hasher: TreeHasher;
  #committed: Committed;
  /** The state whose write failed: it may or may not be on disk. */
  #attempted: Committed | undefined;
  #doubtful = false;

  constructor(options: {
    readonly storage: TileStorage;
    readonly lock: Lock | undefined;
    readonly hasher: TreeHasher;
    readonly committed: Committed;
  }) {
    this.#storage = options.storage;
    this.#lock = options.lock;
    this.#hasher = options.hasher;
    this.#committed = options.committed;
  }

  /** The tree committed last. */
  get state(): LogState {
    return this.#committed.state;
  }

  get size(): number {
    return this.state.range.size;
  }

  /** Whether `recover` must run before anything else is written. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /**
   * Steps 1 to 4: the tree has these leaves, durably, when it resolves.
   *
   * @throws TlogError `log-poisoned` when somebody else writes here; whatever storage throws
   */
  async commit(leaves: readonly Uint8Array[]): Promise<void> {
    const { state, edge } = this.#committed;
    const next = integrate(edge, leaves, this.#hasher);
    const nextState = {
      origin: state.origin,
      generation: state.generation + 1,
      range: next.edge.range,
    };
    const attempted = { state: nextState, bytes: encodeState(nextState), edge: next.edge };
    this.#doubtful = true;
    await writeFiles(this.#storage, next.bundles);
    await writeFiles(this.#storage, next.tiles);
    const [stored] = await Promise.all([
      readRange(this.#storage, nextState.range.size, this.#hasher),
      this.#fence(),
    ]);
    checkSameRoot(stored.range, nextState.range);
    this.#attempted = attempted;
    await this.#storage.write(STATE_PATH, attempted.bytes);
    this.#accept(attempted);
  }

  /**
   * Storage failed somewhere in steps 1 to 4: finds out from storage which tree the log has. The
   * batch was either not persisted, then what it wrote is removed, or persisted anyway. After a
   * failed write of the state, the one found is written again: nothing says that it is durable.
   *
   * @returns whether the batch was persisted anyway
   * @throws TlogError `log-poisoned` when storage has neither tree; whatever storage throws
   */
  async recover(): Promise<boolean> {
    const bytes = await this.#storage.read(STATE_PATH);
    const attempted = this.#attempted;
    if (bytes && equalBytes(bytes, this.#committed.bytes)) {
      await removeLeftovers(this.#storage, this.size);
      if (attempted) await this.#storage.write(STATE_PATH, bytes);
      this.#accept(this.#committed);
      return false;
    }
    if (!bytes || !attempted || !equalBytes(bytes, attempted.bytes)) {
      throw poison('the state in storage is neither the last one nor the attempted one');
    }
    const { origin } = attempted.state;
    const found = await committedFrom(this.#storage, bytes, origin, this.#hasher);
    await this.#storage.write(STATE_PATH, bytes);
    this.#accept(found);
    return true;
  }

  #accept(committed: Committed): void {
    this.#committed = committed;
    this.#attempted = undefined;
    this.#doubtful = false;
  }

  /** Nobody else writes here: the lock is held, and the state is the one written last. */
  async #fence(): Promise<void> {
    await this.#lock?.assertHeld().catch((cause: unknown) => {
      if (cause instanceof TlogError && cause.code === 'lock-lost') throw poison(cause);
      throw cause;
    });
    const bytes = await this.#storage.read(STATE_PATH);
    if (!bytes || !equalBytes(bytes, this.#committed.bytes)) {
      throw poison('the state in storage is not the one this process wrote last');
    }
  }
}

/** Going on could break the promise of an append-only tree. */
function poison(cause: unknown): TlogError {
  const why = typeof cause === 'string' ? cause : reason(cause);
  return new TlogError('log-poisoned', `the log has stopped: ${why}`, { cause });
}
