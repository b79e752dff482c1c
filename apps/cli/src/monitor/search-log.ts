import {
  searchEntries,
  type EntrySearch,
  type SearchEntriesOptions,
  type SearchEvidence,
  type SearchSource,
} from '@touchstone/attest';
import { ClientError } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { nodeSha256 } from '@touchstone/tlog';
import { LogSearch } from './log-search.js';
import type { LogSource } from './log-source.js';
import { RecordedSearch } from './recorded-search.js';

/** What a search is made by, but for where it looks. */
export type SearchTerms = Omit<SearchEntriesOptions, 'source' | 'verify' | 'sha256'>;

export interface SearchOptions extends SearchTerms {
  readonly source: LogSource;
  /** Seconds of the Unix epoch; the log's word is all there is for when an entry came. */
  readonly time?: { readonly since?: number; readonly until?: number };
}

export interface SearchReport extends EntrySearch {
  /** The leaves that came in the time asked for; others are left out of what is reported. */
  readonly span?: { readonly from: number; readonly to: number };
}

const RESTARTS = 3;

/** Searches a log over HTTP; see `searchEntries`. */
export async function searchLog({ source, time, ...terms }: SearchOptions): Promise<SearchReport> {
  const report = await restarted(() => searchBy(new LogSearch(source), terms));
  if (!time) return report;
  const span = await source.times(time);
  const within = (index: number): boolean => index >= span.from && index < span.to;
  return {
    ...report,
    entries: report.entries.filter(({ index }) => within(index)),
    span,
    unread: report.unread.filter(within),
  };
}

/** The same, and keeps what the log answered, so that the search can be made again without it. */
export async function recordSearch(
  source: LogSource,
  terms: SearchTerms,
): Promise<{ report: EntrySearch; evidence: SearchEvidence }> {
  return restarted(async () => {
    const recorded = new RecordedSearch(source);
    const report = await searchBy(recorded, terms);
    return { report, evidence: await recorded.evidence(report.search) };
  });
}

/** Searches wherever answers come from, with the platform's hashes and signatures. */
export function searchBy(source: SearchSource, terms: SearchTerms): Promise<EntrySearch> {
  return searchEntries({ ...terms, source, verify: nodeVerifier, sha256: nodeSha256 });
}

/** The log may drop a map while its pages are fetched: then from the newest one anew. */
async function restarted<T>(search: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await search();
    } catch (error) {
      const dropped = error instanceof ClientError && error.problem?.code === 'map-unknown';
      if (!dropped || attempt === RESTARTS) throw error;
    }
  }
}
