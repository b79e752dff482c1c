import {
  indexEntry,
  readEntry,
  UNREAD_KEY,
  unreadKeyOf,
  verifySearch,
  type MapCommitment,
  type VerifiedPage,
  type VerifiedSearch,
} from '@touchstone/attest';
import { ClientError, type SearchQuery } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { LIST_PAGE_SIZE } from '@touchstone/merkle';
import type { VerifierKey } from '@touchstone/note';
import { nodeSha256 } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { bytesToHex } from '../log-reader.js';
import { ProvenLeaves, type LogSource } from './log-source.js';

/** What is searched for, and its key in the index. */
export interface SearchTarget {
  readonly key: Uint8Array;
  readonly query: SearchQuery;
}

export interface SearchOptions {
  readonly source: LogSource;
  /** Entries that speak of any of them are found. */
  readonly targets: readonly [SearchTarget, ...SearchTarget[]];
  /** Seconds of the Unix epoch; the log's word is all there is for when an entry came. */
  readonly time?: { readonly since?: number; readonly until?: number };
  readonly logs: readonly VerifierKey[];
  /** Key ids whose word counts: nothing that they signed may be passed over unread. */
  readonly signers: readonly string[];
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

export interface SearchReport {
  readonly search: VerifiedSearch;
  readonly entries: readonly FoundEntry[];
  /** Leaves after the commitment, read one by one. */
  readonly scanned: number;
  /** The leaves that came in the time asked for; others are left out of what follows. */
  readonly span?: { readonly from: number; readonly to: number };
  /** Entries that may speak of it too: their attestation, or all of it, could not be read. */
  readonly unread: readonly number[];
}

const MAX_PAGES = 1024;
const RESTARTS = 3;
const CHUNK = 256;

/**
 * Searches a log and believes nothing of the answer:
 *   1. each page is verified against a signed checkpoint, and all come from one map,
 *   2. all pages of the list are fetched: a list with one entry left out has another root,
 *   3. every listed entry is in the tree and speaks of what was asked for,
 *   4. entries that the index could not read whole are read here, and those of which it does not
 *      know what was signed, if a key that counts signed them,
 *   5. leaves after the map's are read one by one.
 */
export async function searchLog(options: SearchOptions): Promise<SearchReport> {
  const { search, found, unread } = await collect(options);
  const { checkpoint, commitment } = search;
  const { treeSize } = commitment;
  if (checkpoint.size - treeSize > options.maxScan) {
    throw new CliError(
      'commitment-too-old',
      `the newest map covers ${treeSize} of ${checkpoint.size} leaves; raise --max-scan`,
      EXIT.refuted,
    );
  }
  const reading = new Reading(options, new ProvenLeaves(options.source, checkpoint));
  for (const index of found) await reading.listed(index);
  for (const index of unread) if (!reading.has(index)) await reading.look(index, 'unread');
  for (let from = treeSize; from < checkpoint.size; from += CHUNK) {
    await reading.scan(from, Math.min(from + CHUNK, checkpoint.size));
  }
  const scanned = checkpoint.size - treeSize;
  const { entries, unread: notRead } = reading;
  if (!options.time) return { search, entries, scanned, unread: notRead };
  const span = await options.source.times(options.time);
  const within = (index: number): boolean => index >= span.from && index < span.to;
  return {
    search,
    entries: entries.filter(({ index }) => within(index)),
    scanned,
    span,
    unread: notRead.filter(within),
  };
}

interface Collected {
  readonly search: VerifiedSearch;
  readonly found: number[];
  readonly unread: number[];
}

/** All pages of both lists, from one map. The log may drop an old map meanwhile: then anew. */
async function collect(options: SearchOptions): Promise<Collected> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await collectAll(options);
    } catch (error) {
      const dropped = error instanceof ClientError && error.problem?.code === 'map-unknown';
      if (!dropped || attempt === RESTARTS) throw error;
    }
  }
}

async function collectAll(options: SearchOptions): Promise<Collected> {
  const [first, ...others] = options.targets;
  const listed = await collectOnce(options, first);
  const { commitment } = listed.search;
  const found = new Set(listed.found);
  for (const target of others) {
    const more = await collectOnce(options, target, commitment);
    for (const index of more.found) found.add(index);
  }
  const unread = new Set(listed.unread);
  for (const signer of options.signers) {
    const target = { key: unreadKeyOf(signer), query: { unreadOf: signer } };
    for (const index of (await collectOnce(options, target, commitment)).found) unread.add(index);
  }
  return { search: listed.search, found: ascending(found), unread: ascending(unread) };
}

function ascending(indices: ReadonlySet<number>): number[] {
  return [...indices].sort((a, b) => a - b);
}

/** With `same`, from that very map. */
async function collectOnce(
  { source, logs }: SearchOptions,
  { key, query }: SearchTarget,
  same?: MapCommitment,
): Promise<Collected> {
  const ask = async (more: Partial<SearchQuery>): Promise<VerifiedSearch> => {
    const answer = await source.search({ ...query, ...more });
    return verifySearch(answer, { key, logs, verify: nodeVerifier, sha256: nodeSha256 });
  };
  const first = await ask(same ? { size: same.treeSize } : {});
  const { treeSize, mapRoot } = same ?? first.commitment;
  checkSameMap(first, 0, { treeSize, mapRoot });
  const pages = Math.max(pagesOf(first.found), pagesOf(first.unread));
  if (pages > MAX_PAGES) {
    throw new CliError('answer-too-large', `the lists have ${pages} pages`, EXIT.refuted);
  }
  const found = [...pageOf(first.found, 0)];
  const unread = [...pageOf(first.unread, 0)];
  for (let page = 1; page < pages; page++) {
    const next = await ask({ page, unreadPage: page, size: treeSize });
    checkSameMap(next, page, { treeSize, mapRoot });
    found.push(...pageOf(next.found, page));
    unread.push(...pageOf(next.unread, page));
  }
  return { search: first, found, unread };
}

function checkSameMap(
  { commitment }: VerifiedSearch,
  page: number,
  { treeSize, mapRoot }: Pick<MapCommitment, 'treeSize' | 'mapRoot'>,
): void {
  if (commitment.treeSize === treeSize && commitment.mapRoot === mapRoot) return;
  throw new CliError('map-page', `page ${page} is from another map`, EXIT.refuted);
}

function pagesOf({ count }: VerifiedPage): number {
  return Math.ceil(count / LIST_PAGE_SIZE);
}

/** The page that was asked for; a log that leaves it out leaves entries out. */
function pageOf(answer: VerifiedPage, number: number): readonly number[] {
  if (number >= pagesOf(answer)) return [];
  if (answer.page?.number === number) return answer.page.indices;
  throw new CliError('map-page', `page ${number} of ${pagesOf(answer)} is left out`, EXIT.refuted);
}

/** Looks at leaves and keeps those that speak of the key. */
class Reading {
  readonly #options: SearchOptions;
  readonly #leaves: ProvenLeaves;
  readonly entries: FoundEntry[] = [];
  readonly unread: number[] = [];

  constructor(options: SearchOptions, leaves: ProvenLeaves) {
    this.#options = options;
    this.#leaves = leaves;
  }

  has(index: number): boolean {
    return this.entries.some((entry) => entry.index === index);
  }

  /** An entry on the proved list. */
  async listed(index: number): Promise<void> {
    const [leaf] = await this.#leaves.read(index, index + 1);
    const { speaks, read } = await this.#index(leaf as Uint8Array);
    if (!speaks && read) {
      const message = `leaf ${index} is on the list and does not speak of what was asked for`;
      throw new CliError('map-wrong', message, EXIT.refuted);
    }
    this.#add(index, 'map', leaf as Uint8Array, speaks);
  }

  async look(index: number, by: 'scan' | 'unread'): Promise<void> {
    const [leaf] = await this.#leaves.read(index, index + 1);
    await this.#look(index, leaf as Uint8Array, by);
  }

  async scan(from: number, to: number): Promise<void> {
    const leaves = await this.#leaves.read(from, to);
    for (const [i, leaf] of leaves.entries()) await this.#look(from + i, leaf, 'scan');
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
    const { keys, absent } = await indexEntry(leaf, this.#options.source.attestation);
    const has = (key: Uint8Array): boolean => keys.some((one) => Buffer.compare(one, key) === 0);
    // A leaf of another kind, about the log itself perhaps, is here whole and names no attestation.
    const unread = keys.length > 1 && has(UNREAD_KEY);
    const concerns = unread || this.#options.signers.some((signer) => has(unreadKeyOf(signer)));
    const speaks = this.#options.targets.some(({ key }) => has(key));
    return { speaks, read: absent === undefined && !unread, concerns };
  }

  #add(index: number, by: FoundEntry['by'], leaf: Uint8Array, confirmed: boolean): void {
    this.entries.push({ index, by, confirmed, ...describe(leaf) });
  }
}

function describe(leaf: Uint8Array): { kind: string; signers: string[] } {
  try {
    const { kind, signers } = readEntry(leaf);
    return { kind, signers: signers.map(({ spki }) => bytesToHex(nodeSha256(spki))) };
  } catch {
    return { kind: 'unknown', signers: [] };
  }
}
