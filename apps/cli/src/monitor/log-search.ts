import type { MapQuery, SearchSource, TreeHead } from '@touchstone/attest';
import { decodeUtf8 } from '@touchstone/note';
import { ProvenLeaves, type LogSource } from './log-source.js';

/** A log over HTTP, searched. */
export class LogSearch implements SearchSource {
  readonly #source: LogSource;
  #leaves: { readonly head: TreeHead; readonly proven: ProvenLeaves } | undefined;

  constructor(source: LogSource) {
    this.#source = source;
  }

  readonly search = (query: MapQuery): Promise<unknown> => this.#source.search(query);

  readonly checkpoint = async (): Promise<string> => decodeUtf8(await this.#source.checkpoint());

  readonly leaves = (from: number, to: number, head: TreeHead): Promise<Uint8Array[]> =>
    this.proven(head).read(from, to);

  readonly attestation = (sha256: string): Promise<Uint8Array | undefined> =>
    this.#source.attestation(sha256);

  proven(head: TreeHead): ProvenLeaves {
    if (this.#leaves?.head !== head) {
      this.#leaves = { head, proven: new ProvenLeaves(this.#source, head) };
    }
    return this.#leaves.proven;
  }
}
