import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import {
  CompactRange,
  MerkleError,
  rfc6962,
  treeHasher,
  verifyInclusion,
  type Sha256,
  type TreeHasher,
} from '@touchstone/merkle';
import { fromBase64 } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { AttestError } from '../errors.js';
import type { SearchAnswer } from './search-answer.js';
import { nameOfAsked, type KeptAnswer, type ParsedSearchEvidence } from './search-evidence.js';
import type { MapQuery, SearchSource, TreeHead } from './search-source.js';

/**
 * A log's answers out of a file: what is not in it is refused, so a search that ends was answered
 * whole. Its leaves are proved here, the tail by what the whole tree comes to with it.
 */
export class SearchEvidenceSource implements SearchSource {
  readonly #parsed: ParsedSearchEvidence;
  readonly #hasher: TreeHasher;
  readonly #answers: ReadonlyMap<string, KeptAnswer>;
  readonly #entries: ReadonlyMap<number, ParsedSearchEvidence['evidence']['entries'][number]>;
  #tail: { readonly head: TreeHead; readonly leaves: readonly Uint8Array[] } | undefined;

  constructor(parsed: ParsedSearchEvidence, sha256: Sha256 = nobleSha256) {
    const { answers, entries } = parsed.evidence;
    this.#parsed = parsed;
    this.#hasher = sha256 === nobleSha256 ? rfc6962 : treeHasher(sha256);
    this.#answers = new Map(answers.map((each) => [nameOfAsked(each.for), each.answer]));
    this.#entries = new Map(entries.map((entry) => [entry.index, entry]));
  }

  readonly search = async (query: MapQuery): Promise<SearchAnswer> => {
    const kept = this.#answers.get(nameOfAsked(query));
    const { page, unreadPage, size: _, ...what } = query;
    if (kept === undefined) throw incomplete(`no answer for ${JSON.stringify(what)}`);
    const { checkpoint, commitment, unread } = this.#parsed.evidence;
    return {
      ...{ checkpoint, commitment },
      found: answerOf(kept, page),
      unread: answerOf(unread, unreadPage),
    };
  };

  readonly checkpoint = async (): Promise<string> => this.#parsed.evidence.checkpoint;

  readonly leaves = async (from: number, to: number, head: TreeHead): Promise<Uint8Array[]> => {
    const tail = this.#tailOf(head);
    const start = head.size - tail.length;
    const leaves: Uint8Array[] = [];
    for (let index = from; index < to; index++) {
      const leaf = index < start ? this.#entry(index, head) : tail[index - start];
      if (leaf === undefined) throw incomplete(`leaf ${index} is not in it`);
      leaves.push(leaf);
    }
    return leaves;
  };

  readonly attestation = async (sha256: string): Promise<Uint8Array | undefined> =>
    this.#parsed.attestations.get(sha256);

  #entry(index: number, { size, root }: TreeHead): Uint8Array | undefined {
    const entry = this.#entries.get(index);
    if (entry === undefined) return undefined;
    const leaf = fromBase64(entry.leaf);
    const proof = entry.inclusionProof.map(fromBase64);
    const leafHash = this.#hasher.leaf(leaf);
    proven(`leaf ${index}`, () =>
      verifyInclusion({ index, size, leafHash, proof, root }, this.#hasher),
    );
    return leaf;
  }

  /** RFC 6962 section 2.1: the tree of what came before and these leaves has the root. */
  #tailOf(head: TreeHead): readonly Uint8Array[] {
    if (this.#tail?.head === head) return this.#tail.leaves;
    const { range: before, leaves: texts } = this.#parsed.evidence.tail;
    const leaves = texts.map(fromBase64);
    proven('the tail', () => {
      const start = head.size - leaves.length;
      const range = new CompactRange(this.#hasher, start, before.map(fromBase64));
      for (const leaf of leaves) range.append(this.#hasher.leaf(leaf));
      if (equalBytes(range.root(), head.root)) return;
      throw new AttestError('inclusion-proof', 'the tail does not make the root of the checkpoint');
    });
    this.#tail = { head, leaves };
    return leaves;
  }
}

function answerOf({ pages, ...rest }: KeptAnswer, number = 0): SearchAnswer['found'] {
  const page = pages[number];
  return { ...rest, ...(page && { page: { number, ...page } }) };
}

function proven(what: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    const message = `${what} is not proven to be in the tree: ${cause.message}`;
    throw new AttestError('inclusion-proof', message, { cause });
  }
}

function incomplete(why: string): AttestError {
  return new AttestError('search-evidence-incomplete', `the search evidence is incomplete: ${why}`);
}
