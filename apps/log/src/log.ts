import { nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { formatVerifierKey, fullKeyHash, noteSigner, openCheckpoint } from '@touchstone/note';
import type { Checkpoint, VerifierKey } from '@touchstone/note';
import { PosixStorage, TileReader, Tlog, lockFolder } from '@touchstone/tlog';
import type { Appended, TlogEvent } from '@touchstone/tlog';
import type { LogEnvironment } from './environment.js';
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
  /** Signs the checkpoints. */
  readonly key: PrivateKey;
  #opened: { readonly note: string; readonly checkpoint: Promise<Checkpoint> } | undefined;

  private constructor(
    engine: Tlog,
    storage: PosixStorage,
    signingKey: PrivateKey,
    key: VerifierKey,
  ) {
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
      const options = { storage, signer, lock, verify, limits, observe };
      const engine = await Tlog.open({ ...options, ...(cosign && { cosign }) });
      return new Log(engine, storage, key, signer.verifierKey);
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
