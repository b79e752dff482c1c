import {
  mapHasher,
  MerkleError,
  nobleMapHasher,
  verifyInclusion,
  verifyListPage,
  verifyMapProof,
  type MapHasher,
  type Sha256,
} from '@touchstone/merkle';
import {
  fromBase64,
  NoteError,
  openCheckpoint,
  type Checkpoint,
  type SignatureVerifier,
  type VerifierKey,
} from '@touchstone/note';
import { AttestError, type AttestErrorCode } from '../errors.js';
import { parseBy } from '../json.js';
import { UNREAD_KEY } from './index-keys.js';
import { openMapCommitment, type MapCommitment } from './map-commitment.js';
import { decodeListPage, decodeMapProof, SearchAnswer, type KeyAnswer } from './search-answer.js';

/** A page of a list that the committed map holds. */
export interface VerifiedPage {
  /** Indices on the whole list; 0 when the key is proved to be absent. */
  readonly count: number;
  readonly page?: { readonly number: number; readonly indices: readonly number[] };
}

export interface VerifiedSearch {
  readonly checkpoint: Checkpoint;
  /** The checkpoint as the log signed it. */
  readonly note: string;
  readonly commitment: MapCommitment;
  readonly commitmentIndex: number;
  /** The leaf as it stands in the log. */
  readonly commitmentLeaf: Uint8Array;
  readonly found: VerifiedPage;
  readonly unread: VerifiedPage;
}

export interface VerifySearchOptions {
  /** What was asked for, as the asker made it. */
  readonly key: Uint8Array;
  /** Verifier keys of the logs one trusts. */
  readonly logs: readonly VerifierKey[];
  readonly verify: SignatureVerifier;
  /** SHA-256 to hash with; noble's unless told. */
  readonly sha256?: Sha256;
}

/**
 * Checks an answer to a search, step by step:
 *   1. search-answer: it has the form of one
 *   2. checkpoint: a known log signed it (C2SP tlog-checkpoint)
 *   3. map-commitment: the leaf is a commitment of that very log, signed by it, for no more leaves
 *      than come before it
 *   4. inclusion-proof: the leaf is in the tree of the checkpoint (RFC 6962 section 2.1.1)
 *   5. map-proof: the committed map has this list for the key, or has not the key
 *   6. list-page: the page is that of this list
 * 5 and 6 also for the leaves that the index could not read whole.
 *
 * What it proves: up to `commitment.treeSize`, every leaf that the committed map has under the key
 * is on the list. That the map is right is what a monitor checks, by making it again.
 *
 * @throws AttestError `search-malformed`, `checkpoint-signature`, `map-commitment-malformed`,
 * `map-commitment-signature`, `map-commitment-mismatch`, `inclusion-proof`, `map-proof`, `map-page`
 */
export async function verifySearch(
  value: unknown,
  { key, logs, verify, sha256 }: VerifySearchOptions,
): Promise<VerifiedSearch> {
  const hasher = sha256 ? mapHasher(sha256) : nobleMapHasher;
  const answer = parseBy(SearchAnswer, value, 'search-malformed', 'answer');
  const checkpoint = await openNoteOf(answer.checkpoint, logs, verify);
  const { index, inclusionProof } = answer.commitment;
  const leaf = fromBase64(answer.commitment.leaf);
  const commitment = await openMapCommitment(leaf, logs, verify);
  if (commitment.origin !== checkpoint.origin) {
    throw new AttestError('map-commitment-mismatch', 'the commitment is of another log');
  }
  if (commitment.treeSize > index) {
    throw new AttestError(
      'map-commitment-mismatch',
      `leaf ${index} commits to a map of ${commitment.treeSize} leaves, itself and later ones too`,
    );
  }
  attempt('inclusion-proof', 'the commitment is not in the tree of the checkpoint', () => {
    const proof = inclusionProof.map(fromBase64);
    const { size, root } = checkpoint;
    const leafHash = hasher.list.leaf(leaf);
    verifyInclusion({ index, size, leafHash, proof, root }, hasher.list);
  });
  return {
    checkpoint,
    note: answer.checkpoint,
    commitment,
    commitmentIndex: index,
    commitmentLeaf: leaf,
    found: verifyKey(key, answer.found, commitment, hasher),
    unread: verifyKey(UNREAD_KEY, answer.unread, commitment, hasher),
  };
}

async function openNoteOf(
  note: string,
  logs: readonly VerifierKey[],
  verify: SignatureVerifier,
): Promise<Checkpoint> {
  try {
    return (await openCheckpoint(note, logs, verify)).checkpoint;
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new AttestError('checkpoint-signature', cause.message, { cause });
  }
}

function verifyKey(
  key: Uint8Array,
  answer: KeyAnswer,
  commitment: MapCommitment,
  hasher: MapHasher,
): VerifiedPage {
  const list = attempt('map-proof', 'the committed map has something else for the key', () =>
    verifyMapProof(key, decodeMapProof(answer), fromBase64(commitment.mapRoot), hasher),
  );
  const { page } = answer;
  if (!list) {
    if (page) throw new AttestError('map-page', 'a page of the list of a key that is absent');
    return { count: 0 };
  }
  if (!page) return { count: list.count };
  attempt('map-page', 'the page is not one of the list', () => {
    verifyListPage(list, decodeListPage(page), hasher);
  });
  if ((page.indices.at(-1) ?? 0) >= commitment.treeSize) {
    throw new AttestError('map-page', 'the list has leaves that the map does not cover');
  }
  return { count: list.count, page: { number: page.number, indices: page.indices } };
}

function attempt<T>(code: AttestErrorCode, what: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    throw new AttestError(code, `${what}: ${cause.message}`, { cause });
  }
}
