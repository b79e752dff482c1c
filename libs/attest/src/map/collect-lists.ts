import { LIST_PAGE_SIZE, type Sha256 } from '@touchstone/merkle';
import type { SignatureVerifier } from '@touchstone/note';
import { AttestError } from '../errors.js';
import type { LogKey } from '../trust-root.js';
import { unreadKeyOf } from './index-keys.js';
import type { MapCommitment } from './map-commitment.js';
import type { MapQuery, SearchSource, SearchTarget } from './search-source.js';
import { verifySearch, type VerifiedPage, type VerifiedSearch } from './verify-search.js';

const MAX_PAGES = 1024;

/** Where lists are asked for, and whose checkpoints and commitments count. */
export interface ListOptions {
  readonly source: Pick<SearchSource, 'search'>;
  /** Entries that speak of any of them are found. */
  readonly targets: readonly [SearchTarget, ...SearchTarget[]];
  readonly logs: readonly LogKey[];
  /** Key ids whose word counts: nothing that they signed may be passed over unread. */
  readonly signers: readonly string[];
  readonly verify: SignatureVerifier;
  /** SHA-256 to hash with; noble's unless told. */
  readonly sha256?: Sha256;
}

export interface CollectedLists {
  readonly search: VerifiedSearch;
  readonly found: number[];
  readonly unread: number[];
}

/**
 * All pages of all lists, from one map: a list with one entry left out has another root.
 *
 * @throws AttestError those of `verifySearch`, `map-page`, `answer-too-large`
 */
export async function collectLists(options: ListOptions): Promise<CollectedLists> {
  const [first, ...others] = options.targets;
  const withUnread = !areSigners(options.targets);
  const listed = await collectOnce(options, first, { withUnread });
  const { commitment } = listed.search;
  const found = new Set(listed.found);
  const of = async (target: SearchTarget): Promise<number[]> =>
    (await collectOnce(options, target, { withUnread: false, same: commitment })).found;
  for (const target of others) for (const index of await of(target)) found.add(index);
  const unread = new Set(listed.unread);
  for (const unreadOf of withUnread ? options.signers : []) {
    const target = { key: unreadKeyOf(unreadOf), query: { unreadOf } };
    for (const index of await of(target)) unread.add(index);
  }
  return { search: listed.search, found: ascending(found), unread: ascending(unread) };
}

/** Whether all are asked for by who signed, which a leaf alone tells. */
export function areSigners(targets: readonly SearchTarget[]): boolean {
  return targets.every(({ query }) => query.signer !== undefined);
}

function ascending(indices: ReadonlySet<number>): number[] {
  return [...indices].sort((a, b) => a - b);
}

/** With `same`, from that very map. */
async function collectOnce(
  { source, logs, verify, sha256 }: ListOptions,
  { key, query }: SearchTarget,
  { withUnread, same }: { readonly withUnread: boolean; readonly same?: MapCommitment },
): Promise<CollectedLists> {
  const ask = async (more: Partial<MapQuery>): Promise<VerifiedSearch> => {
    const answer = await source.search({ ...query, ...more });
    return verifySearch(answer, { key, logs, verify, ...(sha256 && { sha256 }) });
  };
  const first = await ask(same ? { size: same.treeSize } : {});
  const { treeSize, mapRoot } = same ?? first.commitment;
  checkSameMap(first, 0, { treeSize, mapRoot });
  const pages = Math.max(pagesOf(first.found), withUnread ? pagesOf(first.unread) : 0);
  if (pages > MAX_PAGES) {
    throw new AttestError('answer-too-large', `the lists have ${pages} pages`);
  }
  const found = [...pageOf(first.found, 0)];
  const unread = withUnread ? [...pageOf(first.unread, 0)] : [];
  for (let page = 1; page < pages; page++) {
    const next = await ask({ page, ...(withUnread && { unreadPage: page }), size: treeSize });
    checkSameMap(next, page, { treeSize, mapRoot });
    found.push(...pageOf(next.found, page));
    if (withUnread) unread.push(...pageOf(next.unread, page));
  }
  return { search: first, found, unread };
}

function checkSameMap(
  { commitment }: VerifiedSearch,
  page: number,
  { treeSize, mapRoot }: Pick<MapCommitment, 'treeSize' | 'mapRoot'>,
): void {
  if (commitment.treeSize === treeSize && commitment.mapRoot === mapRoot) return;
  throw new AttestError('map-page', `page ${page} is from another map`);
}

function pagesOf({ count }: VerifiedPage): number {
  return Math.ceil(count / LIST_PAGE_SIZE);
}

/** The page that was asked for; a log that leaves it out leaves entries out. */
function pageOf(answer: VerifiedPage, number: number): readonly number[] {
  if (number >= pagesOf(answer)) return [];
  if (answer.page?.number === number) return answer.page.indices;
  throw new AttestError('map-page', `page ${number} of ${pagesOf(answer)} is left out`);
}
