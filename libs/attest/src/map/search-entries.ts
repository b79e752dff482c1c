import { bytesToHex } from '@noble/hashes/utils.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import type { Sha256 } from '@touchstone/merkle';
import type { WitnessPolicy } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { AttestError } from '../errors.js';
import { checkCheckpoint, checkWitnesses } from '../evidence-log.js';
import { readEntry } from '../rekor/read-entry.js';
import { areSigners, collectLists, type ListOptions } from './collect-lists.js';
import { indexEntry, UNREAD_KEY, unreadKeyOf } from './index-keys.js';
import type { SearchSource, TreeHead } from './search-source.js';
import type { VerifiedSearch } from './verify-search.js';

export interface SearchEntriesOptions extends ListOptions {
  readonly source: SearchSource;
  /** Witnesses who must have cosigned the checkpoint. */
  readonly witnessPolicy?: WitnessPolicy | undefined;
  /** Leaves after the commitment that are read, at most. */
  readonly maxScan: number;
}

export interface FoundEntry {
  readonly index: number;
  /** How it was found: on the proved list, among later leaves, or among those not indexed whole. */
  readonly by: 'map' | 'scan' | 'unread';
  /** False when the log lists the entry and its attestation cannot be had to see for oneself. */
  readonly confirmed: boolean;
  readonly kind: string;
  /** Key ids. */
  readonly signers: readonly string[];
}

export interface EntrySearch {
  /** Of the first target; its checkpoint is the one that everything was proved against. */
  readonly search: VerifiedSearch;
  readonly entries: readonly FoundEntry[];
  /** Leaves after the commitment, read one by one. */
  readonly scanned: number;
  /** Entries that may speak of it too: their attestation, or all of it, could not be read. */
  readonly unread: readonly number[];
}

const CHUNK = 256;

/**
 * Searches a log, or what somebody kept of its answers, and believes nothing of it:
 *   1. each page is verified against a signed checkpoint, and all come from one map,
 *   2. all pages of the list are there: a list with one entry left out has another root,
 *   3. the commitment to that map is a leaf of the one tree that all leaves are proved to be in,
 *   4. every listed entry is in that tree and speaks of what was asked for,
 *   5. entries that the index could not read whole are read here, and those of which it does not
 *      know what was signed, if a key that counts signed them,
 *   6. leaves after the map's are read one by one.
 *
 * Who signed an entry stands in its leaf, so nothing unread can hide one from a search by signer:
 * step 5 is left out where all targets are signers.
 *
 * @throws AttestError those of `verifySearch`, `checkCheckpoint` and `checkWitnesses`;
 * `map-page`, `map-wrong`, `map-commitment-mismatch`, `commitment-too-old`, `answer-too-large`;
 * what `source` throws
 */
export async function searchEntries(options: SearchEntriesOptions): Promise<EntrySearch> {
  const collected = await collectLists(options);
  const search = await atOneTree(collected.search, options);
  const { checkpoint, commitment } = search;
  const { treeSize } = commitment;
  if (checkpoint.size - treeSize > options.maxScan) {
    throw new AttestError(
      'commitment-too-old',
      `the newest map covers ${treeSize} of ${checkpoint.size} leaves; raise --max-scan`,
    );
  }
  const reading = new Reading(options, checkpoint);
  for (const index of collected.found) await reading.listed(index);
  for (const index of collected.unread) {
    if (!reading.has(index)) await reading.look(index, 'unread');
  }
  for (let from = treeSize; from < checkpoint.size; from += CHUNK) {
    await reading.scan(from, Math.min(from + CHUNK, checkpoint.size));
  }
  const { entries, unread } = reading;
  return { search, entries, scanned: checkpoint.size - treeSize, unread };
}

/** The commitment against the tree that the leaves are proved against, whatever it came with. */
async function atOneTree(
  search: VerifiedSearch,
  { source, logs, witnessPolicy, verify }: SearchEntriesOptions,
): Promise<VerifiedSearch> {
  const note = await source.checkpoint();
  const opened = await checkCheckpoint(note, logs, verify);
  if (witnessPolicy !== undefined) await checkWitnesses(opened, witnessPolicy, verify);
  const { checkpoint } = opened;
  const { commitment, commitmentIndex: index, commitmentLeaf } = search;
  const refuse = (why: string): never => {
    throw new AttestError('map-commitment-mismatch', why);
  };
  if (commitment.origin !== checkpoint.origin) refuse('the checkpoint is of another log');
  if (index >= checkpoint.size) {
    refuse(`leaf ${index} commits to the map, and the checkpoint is of ${checkpoint.size} leaves`);
  }
  const [leaf] = await source.leaves(index, index + 1, checkpoint);
  if (!leaf || !equalBytes(leaf, commitmentLeaf)) {
    refuse(`leaf ${index} of the checkpoint's tree is not the commitment to the map`);
  }
  return { ...search, checkpoint, note };
}

/** Looks at leaves and keeps those that speak of what is searched for. */
class Reading {
  readonly #options: SearchEntriesOptions;
  readonly #head: TreeHead;
  readonly #sha256: Sha256;
  /** Of what the signers that count did not hand in. */
  readonly #withheld: readonly Uint8Array[];
  /** Whether a leaf alone tells if it is one of those. */
  readonly #bySigner: boolean;
  readonly #found = new Set<number>();
  readonly entries: FoundEntry[] = [];
  readonly unread: number[] = [];

  constructor(options: SearchEntriesOptions, head: TreeHead) {
    this.#options = options;
    this.#head = head;
    this.#sha256 = options.sha256 ?? nobleSha256;
    this.#withheld = options.signers.map((signer) => unreadKeyOf(signer));
    this.#bySigner = areSigners(options.targets);
  }

  has(index: number): boolean {
    return this.#found.has(index);
  }

  /** An entry on the proved list. */
  async listed(index: number): Promise<void> {
    const leaf = await this.#leaf(index);
    const { speaks, read } = await this.#index(leaf);
    if (!speaks && read) {
      const message = `leaf ${index} is on the list and does not speak of what was asked for`;
      throw new AttestError('map-wrong', message);
    }
    this.#add(index, 'map', leaf, speaks);
  }

  async look(index: number, by: 'scan' | 'unread'): Promise<void> {
    await this.#look(index, await this.#leaf(index), by);
  }

  async scan(from: number, to: number): Promise<void> {
    const leaves = await this.#options.source.leaves(from, to, this.#head);
    for (const [i, leaf] of leaves.entries()) await this.#look(from + i, leaf, 'scan');
  }

  async #leaf(index: number): Promise<Uint8Array> {
    const [leaf] = await this.#options.source.leaves(index, index + 1, this.#head);
    return leaf as Uint8Array;
  }

  async #look(index: number, leaf: Uint8Array, by: 'scan' | 'unread'): Promise<void> {
    const { speaks, concerns } = await this.#index(leaf);
    if (speaks) this.#add(index, by, leaf, true);
    else if (concerns) this.unread.push(index);
  }

  async #index(leaf: Uint8Array): Promise<{
    speaks: boolean;
    /** Whether all that it speaks of is known here. */
    read: boolean;
    /** Whether what is not known could count. */
    concerns: boolean;
  }> {
    // Of others than the signers asked for, what they signed is not fetched.
    if (this.#bySigner && !this.#speaks((await indexEntry(leaf, nothing, this.#sha256)).keys)) {
      return { speaks: false, read: true, concerns: false };
    }
    const { attestation } = this.#options.source;
    const { keys, absent } = await indexEntry(leaf, attestation, this.#sha256);
    const has = (key: Uint8Array): boolean => keys.some((one) => equalBytes(one, key));
    // A leaf of another kind, about the log itself perhaps, is here whole and names no attestation.
    const unread = keys.length > 1 && has(UNREAD_KEY);
    const counts = unread || this.#withheld.some(has);
    const speaks = this.#speaks(keys);
    return { speaks, read: absent === undefined && !unread, concerns: counts && !this.#bySigner };
  }

  #speaks(keys: readonly Uint8Array[]): boolean {
    return this.#options.targets.some(({ key }) => keys.some((one) => equalBytes(one, key)));
  }

  #add(index: number, by: FoundEntry['by'], leaf: Uint8Array, confirmed: boolean): void {
    this.#found.add(index);
    this.entries.push({ index, by, confirmed, ...describe(leaf, this.#sha256) });
  }
}

async function nothing(): Promise<undefined> {
  return undefined;
}

function describe(leaf: Uint8Array, sha256: Sha256): { kind: string; signers: string[] } {
  try {
    const { kind, signers } = readEntry(leaf);
    return { kind, signers: signers.map(({ spki }) => bytesToHex(sha256(spki))) };
  } catch {
    return { kind: 'unknown', signers: [] };
  }
}
