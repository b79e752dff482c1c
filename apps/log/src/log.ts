import { nodeVerifier, readSecretKey } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { TILE_WIDTH, decodeEntryBundle, entriesPath, tileWidth } from '@touchstone/merkle';
import { fullKeyHash, noteSigner, openCheckpoint, toBase64 } from '@touchstone/note';
import type { Checkpoint } from '@touchstone/note';
import { PosixStorage, TileReader, Tlog, TlogError, lockFolder } from '@touchstone/tlog';
import type { Appended, Published, TlogEvent } from '@touchstone/tlog';
import type { LogEnvironment } from './environment.js';
import { HttpProblem } from './http-problem.js';
import { LogKeys } from './life/log-keys.js';
import { readLife } from './life/read-life.js';
import { Publications } from './publications.js';
import { CourierCosignatures } from './witnesses/courier-cosignatures.js';
import type { Witnesses } from './witnesses/witnesses.js';

/**
 * Between batches of a busy log: more entries share what a batch costs. Who waits for a checkpoint
 * waits so much longer at most.
 */
const LINGER_MS = 30;

/** The log of this process with what is read from it: the engine, its files and its key. */
export class Log {
  readonly reader: TileReader;
  /** Whose signature its checkpoints carry, now and earlier. */
  readonly keys: LogKeys;
  readonly #engine: Tlog;
  readonly storage: PosixStorage;
  readonly #publications: Publications;
  /** The one leaf that is still taken, and whether there is one such. */
  #only: Uint8Array | undefined;
  #logId: { readonly key: PrivateKey; readonly text: string } | undefined;
  #opened: { readonly note: string; readonly checkpoint: Promise<Checkpoint> } | undefined;

  private constructor(
    engine: Tlog,
    storage: PosixStorage,
    keys: LogKeys,
    publications: Publications,
    readonly couriers: CourierCosignatures | undefined,
  ) {
    this.#publications = publications;
    this.keys = keys;
    this.#engine = engine;
    this.storage = storage;
    this.reader = new TileReader((path) => storage.read(path), { latest: () => engine.size });
  }

  /** Takes the folder's lock and continues its log, or begins one. */
  static async open(
    environment: LogEnvironment,
    observe: (event: TlogEvent) => void,
    witnesses?: Witnesses,
  ): Promise<Log> {
    const publications = new Publications();
    const observed = (event: TlogEvent): void => {
      observe(event);
      publications.observe(event);
    };
    const { origin, tilesDir } = environment;
    const held = [await readSecretKey(environment.key)];
    if (environment.nextKey) held.push(await readSecretKey(environment.nextKey));
    const lock = await lockFolder(tilesDir);
    try {
      const storage = new PosixStorage(tilesDir);
      const keys = new LogKeys(origin, held, await readLife(storage, tilesDir, origin));
      const signer = noteSigner(origin, keys.primary);
      const limits = {
        batchEntries: environment.maxBatchEntries,
        poolEntries: environment.maxQueuedEntries,
      };
      const ask = witnesses?.cosignerOf(storage, keys.known());
      const couriers = witnesses && (await CourierCosignatures.open(tilesDir, witnesses.policy));
      const engine = await Tlog.open({
        ...{ storage, signer, lock, limits, verify: nodeVerifier, observe: observed },
        lingerMs: LINGER_MS,
        signers: () => keys.signers(),
        keys: keys.known(),
        ...(ask && {
          cosign: async (checkpoint, size) => {
            const note = await ask(checkpoint, size);
            return couriers?.onto(note) ?? note;
          },
        }),
      });
      return new Log(engine, storage, keys, publications, couriers);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get origin(): string {
    return this.keys.origin;
  }

  /** The key that speaks for the log, as verifiers pin it. */
  get vkey(): string {
    return this.keys.vkey;
  }

  /** The same key, for what the log signs beside checkpoints. */
  get key(): PrivateKey {
    return this.keys.primary;
  }

  /** Sigstore's name of the log: all 32 bytes of the key's hash, in base64. */
  get logId(): string {
    const { key } = this;
    if (this.#logId?.key !== key) {
      this.#logId = { key, text: toBase64(fullKeyHash(this.origin, key.publicKey)) };
    }
    return this.#logId.text;
  }

  /** Whether no entry is taken any more. */
  get frozen(): boolean {
    return this.#only !== undefined || this.keys.life.frozen !== undefined;
  }

  /** Leaves that the published checkpoint covers. */
  get size(): number {
    return this.#engine.size;
  }

  get queued(): number {
    return this.#engine.queued;
  }

  /** Why the log has stopped for good, when it has. */
  get failure(): Error | undefined {
    return this.#engine.failure;
  }

  /** The signed note published last; empty while witnesses keep the first from being published. */
  get note(): string {
    const note = this.#engine.checkpoint();
    return this.couriers?.onto(note) ?? note;
  }

  /** @throws HttpProblem `log-frozen`, and as the engine does */
  append(leaf: Uint8Array): Promise<Appended> {
    if (leaf !== this.#only) this.refuseFrozen();
    return this.#engine.append(leaf);
  }

  /** @throws HttpProblem `log-frozen` */
  refuseFrozen(): void {
    if (!this.frozen) return;
    throw new HttpProblem('log-frozen', 405, `${this.origin} is frozen: it takes no more entries`);
  }

  /** From now on takes this leaf and no other; undo it with `undefined`. */
  takeOnly(leaf: Uint8Array | undefined): void {
    this.#only = leaf;
  }

  /** Has the newest tree signed and published once more. */
  republish(): void {
    this.#engine.republish();
  }

  /** What became of a batch that storage failed; the size of the durable tree. */
  settle(): Promise<number> {
    return this.#engine.settle();
  }

  /** Leaves `from` up to, not including, `to` of the durable tree of `size` leaves. */
  async readLeaves(from: number, to: number, size: number): Promise<Uint8Array[]> {
    const leaves: Uint8Array[] = [];
    for (let at = from; at < to;) {
      const bundle = Math.floor(at / TILE_WIDTH);
      const width = tileWidth(0, bundle, size);
      const path = entriesPath(bundle, width);
      const bytes = await this.storage.read(path);
      if (!bytes) throw new TlogError('tile-missing', `${path} is missing`);
      const end = Math.min(to, (bundle + 1) * TILE_WIDTH);
      const base = bundle * TILE_WIDTH;
      leaves.push(...decodeEntryBundle(bytes, width).slice(at - base, end - base));
      at = end;
    }
    return leaves;
  }

  /** Resolves with a published checkpoint that covers a leaf which is durable already. */
  publishedAt(index: number): Promise<Published> {
    return this.#publications.covering(index, () => ({ checkpoint: this.note, size: this.size }));
  }

  /** A file below `tile/`, by its canonical path. */
  readTile(path: string): Promise<Uint8Array | undefined> {
    return this.storage.read(path);
  }

  /** Opens a note of this log; the signature of one that many ask for is checked once. */
  openNote(note: string): Promise<Checkpoint> {
    if (this.#opened?.note !== note) {
      const opened = openCheckpoint(note, this.keys.known(), nodeVerifier);
      this.#opened = { note, checkpoint: opened.then(({ checkpoint }) => checkpoint) };
    }
    return this.#opened.checkpoint;
  }

  /** Finishes what was accepted and releases the folder. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}
