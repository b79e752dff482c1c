import { createHash } from 'node:crypto';
import {
  canonicalJson,
  envelopeRequest,
  matchLogEntry,
  type DsseEnvelope,
} from '@touchstone/attest';
import { treeHasher, verifyInclusion } from '@touchstone/merkle';
import { fromBase64, parseVerifierKey, type Checkpoint, type PublicKey } from '@touchstone/note';
import { z } from 'zod';

const hasher = treeHasher((data) => createHash('sha256').update(data).digest());

const TIMEOUT_MILLISECONDS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

const Index = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,15})$/)
  .transform(Number)
  .refine(Number.isSafeInteger);
const Base64 = z.string().max(128 * 1024);
const Proof = z.array(Base64).max(64);

/** The part of sigstore's TransparencyLogEntry that is read here. */
const LogEntry = z.object({
  logIndex: Index,
  inclusionProof: z.object({
    logIndex: Index,
    treeSize: Index,
    hashes: Proof.default([]),
    checkpoint: z.object({ envelope: z.string().max(64 * 1024) }),
  }),
  canonicalizedBody: Base64,
});

const LogIdentity = z.object({ origin: z.string(), vkey: z.string() });
const LifeEvents = z.object({
  events: z.array(z.object({ index: z.int().nonnegative(), leaf: Base64 })).max(256),
});
const ProofAnswer = z.object({ hashes: Proof });

export type LogErrorCode =
  | 'log-unreachable'
  | 'log-refused'
  | 'log-malformed'
  | 'log-unproven'
  | 'log-rolled-back'
  | 'log-forked';

/** The log could not be had, or what it said did not verify. */
export class LogError extends Error {
  override readonly name = 'LogError';
  constructor(
    readonly code: LogErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An entry that the log has been shown to hold. */
export interface ProvenEntry {
  readonly index: number;
  readonly body: Uint8Array;
  /** The checkpoint whose tree holds it. */
  readonly checkpoint: SignedCheckpoint;
}

/** A signed checkpoint: the note as it was signed, and what it says. */
export interface SignedCheckpoint {
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** Checks the signature of a checkpoint by the keys of the log; see `LogKeys`. */
export type OpenNote = (note: string) => Promise<SignedCheckpoint>;

/** Speaks to the log over HTTP and believes nothing that it has not verified. */
export class LogClient {
  constructor(private readonly options: { url: string; token: string | undefined }) {}

  /** Who the log says it is; to be pinned, not to be trusted twice. */
  async identity(): Promise<{ origin: string; vkey: string }> {
    const { origin, vkey } = await this.#json('/v1/log', LogIdentity);
    if (parseVerifierKey(vkey).name !== origin) {
      throw new LogError('log-malformed', `the log's key is not named by its origin ${origin}`);
    }
    return { origin, vkey };
  }

  /**
   * Appends an envelope and checks that the log took that very envelope: body, inclusion proof and
   * the signature on the checkpoint the proof leads to. What an entry names by digest alone is
   * handed to the log before, so that it is there for whoever finds the entry.
   *
   * @throws LogError
   */
  async append(envelope: DsseEnvelope, key: PublicKey, open: OpenNote): Promise<ProvenEntry> {
    const { request, attestation } = envelopeRequest(envelope, key);
    if (attestation !== undefined) {
      const path = `/v1/attestations/sha256:${attestation.sha256}`;
      await this.#request(path, { bytes: attestation.bytes });
    }
    const entry = await this.#json('/api/v2/log/entries', LogEntry, { json: request });
    return proven(async () => {
      const body = fromBase64(entry.canonicalizedBody);
      matchLogEntry(body, envelope, key);
      const { inclusionProof } = entry;
      const signed = await open(inclusionProof.checkpoint.envelope);
      const { checkpoint } = signed;
      if (
        checkpoint.size !== inclusionProof.treeSize ||
        entry.logIndex !== inclusionProof.logIndex
      ) {
        throw new Error('the proof is not for this entry or not for its checkpoint');
      }
      verify(entry.logIndex, body, inclusionProof.hashes, checkpoint);
      return { index: entry.logIndex, body, checkpoint: signed };
    });
  }

  /** The newest checkpoint, its signature checked. @throws LogError */
  async checkpoint(open: OpenNote): Promise<SignedCheckpoint> {
    const bytes = await this.#request('/checkpoint');
    return proven(() => open(Buffer.from(bytes).toString('utf8')));
  }

  /** Proof that `body` is the log's entry at `index`, checked. @throws LogError */
  async inclusionProof(
    index: number,
    body: Uint8Array,
    { checkpoint }: SignedCheckpoint,
  ): Promise<string[]> {
    const { hashes } = await this.#json(
      `/v1/proof/inclusion?index=${index}&size=${checkpoint.size}`,
      ProofAnswer,
    );
    return proven(() => {
      verify(index, body, hashes, checkpoint);
      return hashes;
    });
  }

  /** Proof that one tree of the log begins with another; not checked. @throws LogError */
  async consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    const { hashes } = await this.#json(`/v1/proof/consistency?from=${from}&to=${to}`, ProofAnswer);
    return proven(() => hashes.map(fromBase64));
  }

  /** What the log says of itself, leaf by leaf; not checked. @throws LogError */
  async life(): Promise<{ index: number; leaf: string }[]> {
    return (await this.#json('/v1/log/life', LifeEvents)).events;
  }

  /** @throws LogError when the log cannot be reached or says that it is not ready */
  async ping(): Promise<void> {
    await this.#request('/readyz');
  }

  async #json<T extends z.ZodType>(path: string, schema: T, body?: Body): Promise<z.output<T>> {
    const bytes = await this.#request(path, body);
    try {
      return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    } catch (cause) {
      throw new LogError('log-malformed', `the log's answer to ${path} is malformed`, { cause });
    }
  }

  async #request(path: string, body?: Body): Promise<Uint8Array> {
    const { url, token } = this.options;
    let status: number;
    let bytes: Uint8Array;
    try {
      const answer = await fetch(url.replace(/\/$/, '') + path, {
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
        ...(body === undefined ? {} : writing(body, token)),
      });
      status = answer.status;
      bytes = await readBounded(answer);
    } catch (cause) {
      if (cause instanceof LogError) throw cause;
      throw new LogError('log-unreachable', 'the log cannot be reached', { cause });
    }
    if (status >= 200 && status <= 299) return bytes;
    const reason = Buffer.from(bytes).toString('utf8').slice(0, 500);
    throw new LogError(
      status >= 500 || status === 429 ? 'log-unreachable' : 'log-refused',
      `the log answered ${status} to ${path}: ${reason}`,
    );
  }
}

/** What is written to the log: an entry, or an attestation beside it. */
type Body = { readonly json: unknown } | { readonly bytes: Uint8Array };

function writing(body: Body, token: string | undefined): RequestInit {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  if ('bytes' in body) {
    const headers = { 'content-type': 'application/octet-stream', ...authorization };
    return { method: 'PUT', headers, body: new Uint8Array(body.bytes) };
  }
  const headers = { 'content-type': 'application/json', ...authorization };
  return { method: 'POST', headers, body: canonicalJson(body.json) };
}

async function readBounded(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    const bytes = chunk as Uint8Array;
    length += bytes.length;
    if (length > MAX_ANSWER_BYTES) {
      throw new LogError('log-malformed', `the log's answer is over ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function verify(
  index: number,
  body: Uint8Array,
  hashes: readonly string[],
  checkpoint: Checkpoint,
): void {
  const { size, root } = checkpoint;
  const proof = hashes.map(fromBase64);
  verifyInclusion({ index, size, leafHash: hasher.leaf(body), proof, root }, hasher);
}

/** Whatever a check throws means one thing: the log's answer proves nothing. */
async function proven<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LogError('log-unproven', `the log's answer does not verify: ${reason}`, { cause });
  }
}
