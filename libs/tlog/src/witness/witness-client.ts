import { parseNote, verifyCosignature } from '@touchstone/note';
import type { CosignerKey, NoteSignature, SignatureVerifier } from '@touchstone/note';
import { reason } from '../error.js';
import { formatAddCheckpoint } from './add-checkpoint.js';

/** How asking a witness ended. */
export type WitnessResult =
  | 'cosigned'
  /** Not asked: it failed a short while ago. */
  | 'backing-off'
  | 'unreachable'
  | 'timeout'
  /** It kept answering 409 with other sizes. */
  | 'conflict'
  /** It cosigned a larger tree of this log than there is: the log was rolled back or forked. */
  | 'ahead'
  /** Any other status. */
  | 'refused'
  /** 200 without a cosignature of its key, or with one that does not hold. */
  | 'bad-cosignature'
  | 'failed';

/** Why a witness gave no cosignature. */
export class WitnessFailure extends Error {
  override readonly name = 'WitnessFailure';

  constructor(
    readonly result: Exclude<WitnessResult, 'cosigned'>,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A checkpoint to be cosigned. */
export interface SignedTree {
  /** The note as the log signed it. */
  readonly note: string;
  /** The text of the note. */
  readonly text: string;
  readonly size: number;
  /** Proof from an earlier size to this one; asked for sizes of 1 and more. */
  readonly proof: (from: number) => Promise<readonly Uint8Array[]>;
}

export interface WitnessClientOptions {
  readonly key: CosignerKey;
  /** Submission prefix of the witness, http or https. */
  readonly url: string;
  readonly verify: SignatureVerifier;
  readonly fetch: typeof fetch;
  /** Milliseconds from any start. */
  readonly clock: () => number;
  /** For one checkpoint, every attempt included. */
  readonly timeoutMs: number;
}

const ATTEMPTS = 3;
const MAX_ANSWER_BYTES = 65_536;
const BACK_OFF_FIRST_MS = 250;
const BACK_OFF_LAST_MS = 8_000;

/**
 * The log's side of one witness, by C2SP tlog-witness.
 *
 * Deployed witnesses differ, so of an answer only what counts is read: in a 200 the lines of the
 * witness's key, wherever they stand and whatever stands around them; in a 409 a decimal number,
 * with or without a line feed and under any content type.
 */
export class WitnessClient {
  readonly #options: WitnessClientOptions;
  readonly #endpoint: string;
  /** What it cosigned last, as far as known. Zero makes it tell. */
  #size = 0;
  #failures = 0;
  #silentUntil = -Infinity;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: WitnessClientOptions) {
    this.#options = options;
    this.#endpoint = `${options.url.replace(/\/+$/, '')}/add-checkpoint`;
  }

  /**
   * The witness's cosignature of a checkpoint, verified. One request at a time.
   *
   * @throws WitnessFailure
   */
  cosign(tree: SignedTree, stop: AbortSignal): Promise<NoteSignature> {
    const turn = this.#turn.then(() => this.#cosign(tree, stop));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #cosign(tree: SignedTree, stop: AbortSignal): Promise<NoteSignature> {
    const { clock, timeoutMs } = this.#options;
    const wait = this.#silentUntil - clock();
    if (wait > 0) {
      throw new WitnessFailure('backing-off', `it failed, next try in ${Math.ceil(wait)} ms`);
    }
    try {
      const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
      const cosignature = await this.#exchange(tree, signal);
      this.#failures = 0;
      return cosignature;
    } catch (error) {
      this.#silentUntil =
        clock() + Math.min(BACK_OFF_FIRST_MS * 2 ** this.#failures, BACK_OFF_LAST_MS);
      this.#failures++;
      throw failureOf(error);
    }
  }

  async #exchange(tree: SignedTree, signal: AbortSignal): Promise<NoteSignature> {
    if (this.#size > tree.size) this.#size = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const oldSize = this.#size;
      const { status, text } = await this.#post(oldSize, tree, signal);
      if (status === 200) {
        const cosignature = await this.#verified(tree.text, text);
        this.#size = tree.size;
        return cosignature;
      }
      if (status !== 409) {
        throw new WitnessFailure('refused', `it answered ${status}: ${excerpt(text)}`);
      }
      const size = sizeOf(text);
      if (size > tree.size) {
        throw new WitnessFailure(
          'ahead',
          `it cosigned ${size} leaves of this log, which has ${tree.size}: the log was rolled back`,
        );
      }
      if (size === oldSize) break;
      this.#size = size;
    }
    throw new WitnessFailure('conflict', 'it answers 409 whatever old size it is told');
  }

  async #post(
    oldSize: number,
    tree: SignedTree,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string }> {
    const proof = oldSize > 0 && oldSize < tree.size ? await tree.proof(oldSize) : [];
    const answer = await this.#options.fetch(this.#endpoint, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: formatAddCheckpoint(oldSize, proof, tree.note),
      redirect: 'error',
      signal,
    });
    return { status: answer.status, text: await readBounded(answer) };
  }

  /** Lines of other keys are ignored, also malformed ones; one of this key that fails is not. */
  async #verified(text: string, answer: string): Promise<NoteSignature> {
    const { key, verify } = this.#options;
    for (const line of answer.split(/\r?\n/)) {
      const signature = signatureLine(text, line);
      if (signature?.name !== key.name || signature.keyHash !== key.keyHash) continue;
      const timestamp = await verifyCosignature(text, signature, key, verify);
      // C2SP tlog-witness: "the timestamp MUST NOT be zero"
      if (timestamp === 0)
        throw new WitnessFailure('bad-cosignature', 'its cosignature has time 0');
      return signature;
    }
    throw new WitnessFailure('bad-cosignature', `no line of its answer is by ${key.name}`);
  }
}

function signatureLine(text: string, line: string): NoteSignature | undefined {
  if (!line.startsWith('\u2014 ')) return undefined;
  try {
    return parseNote(`${text}\n${line.trimEnd()}\n`).signatures[0];
  } catch {
    return undefined;
  }
}

function sizeOf(text: string): number {
  const size = Number(/^\s*([0-9]{1,16})\s*$/.exec(text)?.[1] ?? NaN);
  if (!Number.isSafeInteger(size)) {
    throw new WitnessFailure('conflict', `it answered 409 without a size: ${excerpt(text)}`);
  }
  return size;
}

async function readBounded(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  const body = answer.body as AsyncIterable<Uint8Array> | null;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new WitnessFailure('refused', `it answered more than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function failureOf(error: unknown): WitnessFailure {
  if (error instanceof WitnessFailure) return error;
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (name === 'TimeoutError') {
    return new WitnessFailure('timeout', 'it did not answer in time', { cause: error });
  }
  if (name === 'NoteError') {
    const why = `its cosignature is not valid (${String(code)})`;
    return new WitnessFailure('bad-cosignature', why, { cause: error });
  }
  // fetch wraps whatever went wrong with the connection in a TypeError.
  const result = error instanceof TypeError || name === 'AbortError' ? 'unreachable' : 'failed';
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new WitnessFailure(result, reason(cause), { cause: error });
}

/** What a stranger said, fit for one line of a log. */
function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
