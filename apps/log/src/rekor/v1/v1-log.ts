import {
  entryTimestampBytes,
  readEntry,
  v1CheckpointText,
  v1EntryId,
  v1LeafHash,
  v1LogId,
  v1TreeId,
} from '@touchstone/attest';
import type { RekorEntries } from '@touchstone/contract';
import type { PrivateKey } from '@touchstone/keys';
import { noteSigner, signNote, toBase64 } from '@touchstone/note';
import type { Checkpoint } from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import type { AttestationStore } from '../../attestations/attestation-store.js';
import { HttpProblem } from '../../http-problem.js';
import { byteText } from '../../byte-text.js';
import type { IndexedLog } from '../../index-store/indexed-log.js';
import { proveInclusion } from '../proven-entry.js';

/** Where an entry stands, and the checkpoint to prove that against. */
interface Place {
  readonly index: number;
  readonly note: string;
  readonly size: number;
}

/** The log as clients of Rekor v1 see it: the same leaves, under names and signatures of v1. */
export class V1Log {
  readonly #indexed: IndexedLog;
  readonly #attestations: AttestationStore;
  /** As of now: keys come and go. */
  readonly #signerNow: () => PrivateKey;
  #signed:
    { readonly size: number; readonly by: PrivateKey; readonly note: Promise<string> } | undefined;

  constructor(indexed: IndexedLog, attestations: AttestationStore, signer: () => PrivateKey) {
    this.#indexed = indexed;
    this.#attestations = attestations;
    this.#signerNow = signer;
  }

  get publicKey(): PrivateKey['publicKey'] {
    return this.#signerNow().publicKey;
  }

  get treeId(): string {
    return String(v1TreeId(this.origin));
  }

  get origin(): string {
    return this.#indexed.log.origin;
  }

  /** The tree published last. */
  async published(): Promise<Checkpoint> {
    const { log } = this.#indexed;
    if (log.note === '') {
      const detail = 'no checkpoint is published yet; the witnesses of this log keep it';
      throw new HttpProblem('not-ready', 503, detail);
    }
    return log.openNote(log.note);
  }

  /** Index of the entry with this id or leaf hash. */
  async find(id: string): Promise<number | undefined> {
    const hash = v1LeafHash(this.origin, id);
    return hash && this.#indexed.find(hash);
  }

  entryId(leafHash: Uint8Array): string {
    return v1EntryId(this.origin, leafHash);
  }

  /** The entry at an index that the published tree has. */
  async entryAt(index: number): Promise<RekorEntries | undefined> {
    const { log } = this.#indexed;
    const { size, note } = log;
    if (index >= size) return undefined;
    return this.entry(await log.reader.entry(index, size), { index, note, size });
  }

  /** An entry with proof, promise and, of the kind that has it in v1, its attestation. */
  async entry(leaf: Uint8Array, { index, note, size }: Place): Promise<RekorEntries> {
    const { log } = this.#indexed;
    const { root, hashes } = await proveInclusion(log, leaf, index, { note, size });
    const body = toBase64(leaf);
    const integratedTime = await this.#timeOf(index);
    const attestation = await this.#attestationOf(leaf);
    const checkpoint = await this.checkpoint({ size, root });
    const signer = this.#signerNow();
    const logID = hex(v1LogId(signer.publicKey));
    const signed = { body, integratedTime, logID, logIndex: index };
    return {
      [this.entryId(nodeHasher.leaf(leaf))]: {
        ...signed,
        ...(attestation && { attestation: { data: toBase64(attestation) } }),
        verification: {
          inclusionProof: {
            checkpoint,
            hashes: hashes.map(hex),
            logIndex: index,
            rootHash: hex(root),
            treeSize: size,
          },
          signedEntryTimestamp: toBase64(signer.sign(entryTimestampBytes(signed))),
        },
      },
    };
  }

  /**
   * A checkpoint in the form of v1, of a tree that was published: it says what the log's own
   * checkpoint says. Alone it is signed, since v1's clients refuse signatures they do not know.
   */
  checkpoint(tree: { size: number; root: Uint8Array }): Promise<string> {
    const by = this.#signerNow();
    if (this.#signed?.size !== tree.size || this.#signed.by !== by) {
      const text = v1CheckpointText({ origin: this.origin, ...tree });
      const note = signNote(text, [noteSigner(this.origin, by)]);
      this.#signed = { size: tree.size, by, note };
    }
    return this.#signed.note;
  }

  /** A time that is signed must be the same whenever it is asked for, so it is noted before. */
  async #timeOf(index: number): Promise<number> {
    const time = await this.#indexed.timeOf(index);
    if (time !== undefined) return time;
    const detail = `the time of entry ${index} is not durable yet; ask again`;
    throw new HttpProblem('log-storage', 503, detail);
  }

  async #attestationOf(leaf: Uint8Array): Promise<Uint8Array | undefined> {
    const { kind, payloadSha256 } = readEntryIfAny(leaf) ?? {};
    if (kind !== 'intoto' || !payloadSha256) return undefined;
    return this.#attestations.get(hex(payloadSha256));
  }
}

function readEntryIfAny(leaf: Uint8Array): ReturnType<typeof readEntry> | undefined {
  try {
    return readEntry(leaf);
  } catch {
    // A leaf about the log itself.
    return undefined;
  }
}

export function hex(bytes: Uint8Array): string {
  return byteText(bytes, 'hex');
}
