import { nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { TILE_WIDTH, decodeEntryBundle, entriesPath, tileWidth } from '@touchstone/merkle';
import { formatVerifierKey, fullKeyHash, noteSigner, openCheckpoint } from '@touchstone/note';
import type { Checkpoint, VerifierKey } from '@touchstone/note';
import { PosixStorage, TileReader, Tlog, TlogError, lockFolder } from '@touchstone/tlog';
import type { Appended, Published, TlogEvent } from '@touchstone/tlog';
import type { LogEnvironment } from './environment.js';
import { Publications } from './publications.js';
import { readKey } from './secret.js';
import type { Witnesses } from './witnesses/witnesses.js';

/** The log of this process with what is read from it: the engine, its files and its key. */
export class Log {
  readonly reader: TileReader;
  readonly vkey: string;
  /** Sigstore's name of the log: all 32 bytes of the key's hash. */
  readonly keyId: Uint8Array;
  readonly #engine: Tlog;
  readonly #storage: PosixStorage;
  readonly #key: VerifierKey;
  readonly #publications: Publications;
  /** Signs the checkpoints. */
  readonly key: PrivateKey;
  #opened: { readonly note: string; readonly checkpoint: Promise<Checkpoint> } | undefined;

  private constructor(
    engine: Tlog,
    storage: PosixStorage,
    signingKey: PrivateKey,
    key: VerifierKey,
    publications: Publications,
  ) {
    this.#publications = publications;
    this.key = signingKey;
    this.#engine = engine;
    this.#storage = storage;
    this.#key = key;
    this.vkey = formatVerifierKey(key);
    this.keyId = fullKeyHash(key.name, key.publicKey);
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
    const key = await readKey(environment.key);
    const signer = noteSigner(environment.origin, key);
    const lock = await lockFolder(environment.tilesDir);
    try {
      const storage = new PosixStorage(environment.tilesDir);
      const limits = {
        batchEntries: environment.maxBatchEntries,
        poolEntries: environment.maxQueuedEntries,
      };
      const verify = nodeVerifier;
      const cosign = witnesses?.cosignerOf(storage, signer.verifierKey);
      const options = { storage, signer, lock, verify, limits, observe: observed };
      const engine = await Tlog.open({ ...options, ...(cosign && { cosign }) });
      return new Log(engine, storage, key, signer.verifierKey, publications);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get origin(): string {
    return this.#key.name;
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
    return this.#engine.checkpoint();
  }

  append(leaf: Uint8Array): Promise<Appended> {
    return this.#engine.append(leaf);
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
      const bytes = await this.#storage.read(path);
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
    return this.#storage.read(path);
  }

  /** Opens a note of this log; the signature of one that many ask for is checked once. */
  openNote(note: string): Promise<Checkpoint> {
    if (this.#opened?.note !== note) {
      const opened = openCheckpoint(note, [this.#key], nodeVerifier);
      this.#opened = { note, checkpoint: opened.then(({ checkpoint }) => checkpoint) };
    }
    return this.#opened.checkpoint;
  }

  /** Finishes what was accepted and releases the folder. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}
