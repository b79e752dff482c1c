import {
  nameOfAsked,
  SEARCH_EVIDENCE_SCHEMA,
  type KeptAnswer,
  type MapQuery,
  type SearchAnswer,
  type SearchEvidence,
  type SearchSource,
  type TreeHead,
  type VerifiedSearch,
} from '@touchstone/attest';
import { toBase64 } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';
import { bytesToHex } from '../log-reader.js';
import { sha256 as sha256Of } from '../native-hash.js';
import { LogSearch } from './log-search.js';
import type { LogSource } from './log-source.js';

/** So much of leaves and attestations is kept; the file has them in base64, and proofs besides. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

/** A search that keeps what it was answered, as evidence that it can be made again from. */
export class RecordedSearch implements SearchSource {
  readonly #search: LogSearch;
  readonly #asked = new Map<string, { for: MapQuery; found: Pages }>();
  readonly #unread: Pages = { pages: new Map() };
  readonly #leaves = new Map<number, Uint8Array>();
  readonly #attestations = new Map<string, Uint8Array>();
  #kept = 0;

  constructor(source: LogSource) {
    this.#search = new LogSearch(source);
  }

  readonly checkpoint = (): Promise<string> => this.#search.checkpoint();

  readonly search = async (query: MapQuery): Promise<unknown> => {
    const answer = await this.#search.search(query);
    const { page, unreadPage, size: _, ...what } = query;
    const { found, unread } = answer as Partial<SearchAnswer>;
    const asked = this.#asked.get(nameOfAsked(what)) ?? { for: what, found: { pages: new Map() } };
    this.#asked.set(nameOfAsked(what), asked);
    // What has another form is refused by who asked.
    if (found && unread) {
      keep(asked.found, found, page);
      keep(this.#unread, unread, unreadPage);
    }
    return answer;
  };

  readonly leaves = async (from: number, to: number, head: TreeHead): Promise<Uint8Array[]> => {
    const leaves = await this.#search.leaves(from, to, head);
    for (const [i, leaf] of leaves.entries()) {
      if (this.#leaves.has(from + i)) continue;
      this.#spend(leaf);
      this.#leaves.set(from + i, leaf);
    }
    return leaves;
  };

  readonly attestation = async (sha256: string): Promise<Uint8Array | undefined> => {
    const bytes = await this.#search.attestation(sha256);
    if (bytes && !this.#attestations.has(sha256) && bytesToHex(sha256Of(bytes)) === sha256) {
      this.#spend(bytes);
      this.#attestations.set(sha256, bytes);
    }
    return bytes;
  };

  /** All that a search took which ended well, proved against its one checkpoint. */
  async evidence({
    checkpoint: head,
    note,
    commitment,
    commitmentIndex,
    commitmentLeaf,
  }: VerifiedSearch): Promise<SearchEvidence> {
    const { treeSize } = commitment;
    const proven = this.#search.proven(head);
    const proofOf = async (index: number): Promise<string[]> =>
      (await proven.proof(index)).map(toBase64);
    const indices = [...this.#leaves.keys()].sort((a, b) => a - b);
    const leaf = (index: number): string => toBase64(this.#leaves.get(index) as Uint8Array);
    const entries: SearchEvidence['entries'] = [];
    for (const index of indices.filter((each) => each < treeSize)) {
      entries.push({ index, leaf: leaf(index), inclusionProof: await proofOf(index) });
    }
    return {
      schema: SEARCH_EVIDENCE_SCHEMA,
      checkpoint: note,
      commitment: {
        index: commitmentIndex,
        leaf: toBase64(commitmentLeaf),
        inclusionProof: await proofOf(commitmentIndex),
      },
      answers: [...this.#asked.values()].map((each) => ({
        for: each.for,
        answer: keptAnswer(each.found),
      })),
      unread: keptAnswer(this.#unread),
      entries,
      tail: {
        range: (await proven.range(treeSize)).map(toBase64),
        leaves: indices.filter((index) => index >= treeSize).map(leaf),
      },
      attestations: [...this.#attestations.keys()]
        .sort()
        .map((sha256) => toBase64(this.#attestations.get(sha256) as Uint8Array)),
    };
  }

  #spend(bytes: Uint8Array): void {
    this.#kept += bytes.length;
    if (this.#kept <= MAX_KEPT_BYTES) return;
    const message = `the entries found and scanned are over ${MAX_KEPT_BYTES} bytes: too much for a file`;
    throw new CliError('answer-too-large', message, EXIT.refuted);
  }
}

/** A list as it came in, page by page. */
interface Pages {
  head?: SearchAnswer['found'];
  readonly pages: Map<number, NonNullable<SearchAnswer['found']['page']>>;
}

function keep(list: Pages, answer: SearchAnswer['found'], number = 0): void {
  list.head ??= answer;
  if (answer.page) list.pages.set(number, answer.page);
}

/** Pages are fetched from the first on, so that those at hand have no gap. */
function keptAnswer({ head, pages }: Pages): KeptAnswer {
  const { page: _, ...rest } = head as SearchAnswer['found'];
  const ascending = [...pages].sort(([a], [b]) => a - b);
  return { ...rest, pages: ascending.map(([, { indices, proof }]) => ({ indices, proof })) };
}
