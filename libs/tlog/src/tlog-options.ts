import type { NoteSigner, SignatureVerifier, VerifierKey } from '@touchstone/note';
import type { TlogError } from './error.js';
import type { Lock } from './folder-lock.js';
import type { TlogLimits } from './limits.js';
import type { TileStorage } from './storage.js';

/** What the engine tells its owner, for metrics and logs. Durations in milliseconds. */
export type TlogEvent =
  | {
      readonly type: 'integrated';
      readonly entries: number;
      readonly size: number;
      readonly duration: number;
    }
  | { readonly type: 'published'; readonly size: number; readonly duration: number }
  | { readonly type: 'failed'; readonly error: TlogError };

export interface TlogOptions {
  readonly storage: TileStorage;
  /** Signs checkpoints; its name is the log's origin. */
  readonly signer: NoteSigner;
  /** Who signs the next checkpoint, when that is not `signer` alone: keys change while it runs. */
  readonly signers?: () => readonly NoteSigner[];
  /** The keys of which one must have signed the checkpoint found at open; else the signer's. */
  readonly keys?: readonly VerifierKey[];
  /**
   * Adds the cosignatures of witnesses to a signed checkpoint of a durable tree, or throws; then
   * the checkpoint is not published and the one before it stays. When this is given, publication
   * goes on beside the batches, so that no append waits for a witness.
   */
  readonly cosign?: (checkpoint: string, size: number) => Promise<string>;
  /** The write lock of the storage, released by close(). */
  readonly lock?: Lock;
  /** Checks the signature of the checkpoint found at open; node:crypto is faster than the default. */
  readonly verify?: SignatureVerifier;
  /** Milliseconds from any start, for the durations in events. */
  readonly clock?: () => number;
  readonly limits?: Partial<TlogLimits>;
  /**
   * Milliseconds between the starts of two batches of a busy log, so that they are larger and what
   * each costs is shared by more; 0, the default, starts the next as soon as one is durable.
   */
  readonly lingerMs?: number;
  readonly observe?: (event: TlogEvent) => void;
}
