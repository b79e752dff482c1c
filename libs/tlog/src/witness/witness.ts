import { createHash } from 'node:crypto';
import { verifyConsistency } from '@touchstone/merkle';
import {
  NoteError,
  cosign,
  cosignerKey,
  decodeUtf8,
  distinctSignatures,
  encodeUtf8,
  formatNote,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  verifyCosignature,
} from '@touchstone/note';
import type {
  Checkpoint,
  CosignerKey,
  NoteSignature,
  SignatureVerifier,
  SignedNote,
  Signer,
  VerifierKey,
} from '@touchstone/note';
import { TlogError, reason } from '../error.js';
import { nodeHasher } from '../node-hasher.js';
import { parseAddCheckpoint } from './add-checkpoint.js';
import type { AddCheckpoint } from './add-checkpoint.js';
import type { WitnessStorage } from './witness-storage.js';

/** Content type of the size in a 409 answer (C2SP tlog-witness). */
export const SIZE_TYPE = 'text/x.tlog.size';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** What the witness made of a request, for its log and its metrics. */
export type WitnessOutcome =
  | 'cosigned'
  | 'malformed'
  | 'unknown-log'
  | 'bad-signature'
  | 'old-size'
  | 'conflict'
  | 'inconsistent';

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly outcome: WitnessOutcome;
  readonly contentType: string;
  readonly body: string;
  /** Known once the checkpoint could be read. */
  readonly origin?: string;
}

export interface WitnessOptions {
  /** Name of the cosigner, a schema-less URL such as witness.example/w1. */
  readonly name: string;
  /** Signs with Ed25519, and for this cosigner only: the signed message does not name it. */
  readonly signer: Signer;
  /** Keys of the logs to follow; the name of each is the log's origin. */
  readonly logs: readonly VerifierKey[];
  readonly storage: WitnessStorage;
  readonly verify: SignatureVerifier;
  /** Seconds since the epoch. */
  readonly clock: () => number;
}

/**
 * A witness after C2SP tlog-witness: cosigns a checkpoint when it continues the last one that it
 * cosigned of the same log.
 *
 * Order, one request at a time for each log:
 *   1. the last note is read from storage and checked to be ours,
 *   2. the new checkpoint is compared with it and cosigned, in memory,
 *   3. the note with the new cosignature is written, durably,
 *   4. the cosignature is answered.
 * A crash or a failed write before 4 has told nobody: storage is never behind an answer. Whether a
 * write that failed is found or not later, what is found was signed by the log and checked here.
 */
export class Witness {
  readonly key: CosignerKey;
  readonly #options: WitnessOptions;
  readonly #logs = new Map<string, VerifierKey[]>();
  /** Ends of the queues, by origin. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Sizes that were answered, by origin: storage must never be found behind. */
  readonly #answered = new Map<string, number>();

  private constructor(options: WitnessOptions) {
    this.#options = options;
    this.key = cosignerKey(options.name, options.signer.publicKey);
    for (const key of options.logs) {
      const keys = this.#logs.get(key.name) ?? [];
      if (keys.every(({ keyHash }) => keyHash !== key.keyHash)) keys.push(key);
      this.#logs.set(key.name, keys);
    }
  }

  /**
   * Opens a witness on its storage; nobody else may write there.
   *
   * @throws TlogError `witness-state` when a stored note is not one that this witness cosigned
   */
  static async open(options: WitnessOptions): Promise<Witness> {
    const witness = new Witness(options);
    for (const origin of witness.#logs.keys()) await witness.#latest(origin);
    return witness;
  }

  get origins(): string[] {
    return [...this.#logs.keys()];
  }

  /**
   * Answers `POST add-checkpoint`. Safe for concurrent use.
   *
   * @throws what storage throws: then nothing is cosigned (500)
   */
  async addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    let request: AddCheckpoint;
    let checkpoint: Checkpoint;
    try {
      request = parseAddCheckpoint(body);
      checkpoint = parseCheckpoint(request.note.text);
    } catch (error) {
      return refusal(400, 'malformed', reason(error));
    }
    const { origin } = checkpoint;
    const keys = this.#logs.get(origin);
    if (keys === undefined) {
      return refusal(404, 'unknown-log', 'this witness does not follow the log', origin);
    }
    let signatures: readonly NoteSignature[];
    try {
      signatures = await this.#logSignatures(request.note, keys);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      return error.code === 'duplicate-signature'
        ? refusal(400, 'malformed', error.message, origin)
        : refusal(403, 'bad-signature', error.message, origin);
    }
    if (request.oldSize > checkpoint.size) {
      const why = `the old size ${request.oldSize} is above the size ${checkpoint.size}`;
      return refusal(400, 'old-size', why, origin);
    }
    const { text } = request.note;
    const signed = { text, signatures };
    return this.#inTurn(origin, () => this.#advance(request, checkpoint, signed));
  }

  /**
   * Answers `GET <origin hash>/checkpoint`: the last note cosigned, or undefined.
   *
   * @param hash SHA-256 of the origin in lower-case hex
   */
  async checkpoint(hash: string): Promise<string | undefined> {
    const origin = this.origins.find((known) => originHash(known) === hash);
    if (origin === undefined) return undefined;
    return (await this.#inTurn(origin, () => this.#latest(origin)))?.note;
  }

  /** Compare and set: nothing else happens to the log's state from the first line to the last. */
  async #advance(
    { oldSize, proof }: AddCheckpoint,
    { origin, size, root }: Checkpoint,
    signed: SignedNote,
  ): Promise<WitnessAnswer> {
    const latest = await this.#latest(origin);
    const knownSize = latest?.checkpoint.size ?? 0;
    if (oldSize !== knownSize) {
      const body = `${knownSize}\n`;
      return { status: 409, outcome: 'conflict', contentType: SIZE_TYPE, body, origin };
    }
    try {
      // Also refuses a size of zero without the empty root, any proof from the empty tree, and
      // the same size with another root, as "add-checkpoint" asks.
      const root1 = latest?.checkpoint.root ?? nodeHasher.empty();
      verifyConsistency({ size1: knownSize, root1, size2: size, root2: root, proof }, nodeHasher);
    } catch (error) {
      return refusal(422, 'inconsistent', reason(error), origin);
    }
    const { signer, storage, clock } = this.#options;
    const cosignature = await cosign(signed.text, clock(), this.key, signer);
    const note = formatNote({ ...signed, signatures: [...signed.signatures, cosignature] });
    await storage.write(originHash(origin), encodeUtf8(note));
    this.#answered.set(origin, size);
    const body = note.slice(formatNote(signed).length);
    return { status: 200, outcome: 'cosigned', contentType: TEXT_TYPE, body, origin };
  }

  async #logSignatures(note: SignedNote, keys: readonly VerifierKey[]): Promise<NoteSignature[]> {
    const { verify } = this.#options;
    const { verified } = await openCheckpoint(formatNote(note), keys, verify);
    return distinctSignatures(note.signatures).filter(({ name, keyHash }) =>
      verified.some((key) => key.name === name && key.keyHash === keyHash),
    );
  }

  /** The note cosigned last, opened with our own key: what we did not sign we do not go on from. */
  async #latest(origin: string): Promise<{ note: string; checkpoint: Checkpoint } | undefined> {
    const bytes = await this.#options.storage.read(originHash(origin));
    const answered = this.#answered.get(origin);
    try {
      const latest = bytes === undefined ? undefined : await this.#openOwn(bytes, origin);
      const size = latest?.checkpoint.size ?? -1;
      if (answered !== undefined && size < answered) {
        throw new Error(`size ${answered} was cosigned, storage is behind; somebody changed it`);
      }
      return latest;
    } catch (cause) {
      throw new TlogError(
        'witness-state',
        `the stored state of ${origin} cannot be trusted: ${reason(cause)}`,
        { cause },
      );
    }
  }

  async #openOwn(
    bytes: Uint8Array,
    origin: string,
  ): Promise<{ note: string; checkpoint: Checkpoint }> {
    const note = parseNote(bytes);
    const own = note.signatures.find(
      ({ name, keyHash }) => name === this.key.name && keyHash === this.key.keyHash,
    );
    if (own === undefined) throw new Error(`${this.key.name} did not cosign it`);
    await verifyCosignature(note.text, own, this.key, this.#options.verify);
    const checkpoint = parseCheckpoint(note.text);
    if (checkpoint.origin !== origin) throw new Error(`it is of ${checkpoint.origin}`);
    return { note: decodeUtf8(bytes), checkpoint };
  }

  #inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(origin) ?? Promise.resolve()).then(work);
    this.#turns.set(
      origin,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

/** The name of a log in the monitoring interface of C2SP tlog-witness. */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin, 'utf8').digest('hex');
}

function refusal(
  status: 400 | 403 | 404 | 422,
  outcome: WitnessOutcome,
  why: string,
  origin?: string,
): WitnessAnswer {
  const answer = { status, outcome, contentType: TEXT_TYPE, body: `${why}\n` };
  return origin === undefined ? answer : { ...answer, origin };
}
