import { nameSearchKey, readPemVerifier, signerSearchKey } from '@touchstone/attest';
import { MAX_REKOR_QUERIES } from '@touchstone/contract';
import type { RekorEntries, RekorQuery, RekorSearch } from '@touchstone/contract';
import { fromBase64 } from '@touchstone/note';
import type { z } from 'zod';
import { HttpProblem } from '../../http-problem.js';
import type { IndexedLog } from '../../index-store/indexed-log.js';
import { writeEntry } from '../write-desk.js';
import type { WriteDesk } from '../write-desk.js';
import type { V1Log } from './v1-log.js';

/** Ids in one answer of a search: v1 has no pages. */
const MAX_FOUND = 1000;

/**
 * Logs a proposed entry of Rekor v1 and answers once a published checkpoint covers it. One that
 * the log has is refused, with where to find it.
 */
export async function addV1Entry(
  body: unknown,
  desk: WriteDesk,
  log: V1Log,
): Promise<RekorEntries> {
  const entry = await desk.threads.prepare({ api: 'v1', body });
  const { index, known, published } = await writeEntry(entry, desk);
  const { checkpoint: note, size } = await published;
  if (known) {
    const id = log.entryId(entry.hash);
    const detail = `the log has this entry already: ${id}`;
    const location = `/api/v1/log/entries/${id}`;
    throw new HttpProblem('entry-duplicate', 409, detail, { location });
  }
  return log.entry(entry.body, { index, note, size });
}

/** Several entries at once; those that the log does not have are left out. */
export async function retrieveV1(
  query: z.infer<typeof RekorQuery>,
  { threads }: WriteDesk,
  log: V1Log,
): Promise<RekorEntries[]> {
  const ids = query.entryUUIDs ?? [];
  const indices = query.logIndexes ?? [];
  const proposed = query.entries ?? [];
  if (ids.length + indices.length + proposed.length > MAX_REKOR_QUERIES) {
    const detail = `ask for at most ${MAX_REKOR_QUERIES} entries at once`;
    throw new HttpProblem('malformed-body', 422, detail);
  }
  const wanted: (number | undefined)[] = [];
  for (const id of ids) wanted.push(await log.find(id));
  for (const request of proposed) {
    const { hash } = await threads.prepare({ api: 'v1', body: request });
    wanted.push(await log.find(log.entryId(hash)));
  }
  wanted.push(...indices);
  const found: RekorEntries[] = [];
  for (const index of wanted) {
    const entry = index === undefined ? undefined : await log.entryAt(index);
    if (entry) found.push(entry);
  }
  return found;
}

/** Ids of the published entries that a search finds, in the log's order. */
export async function searchV1(
  search: RekorSearch,
  { index, log: { reader, size } }: IndexedLog,
  log: V1Log,
): Promise<string[]> {
  const keys = keysOf(search);
  const asked = search.operator === 'and' ? keys.map((key) => [key]) : [keys];
  const [first = [], ...others] = await Promise.all(
    asked.map(async (some) => index.search(some, 0, MAX_FOUND)),
  );
  const everywhere = others.map((found) => new Set(found));
  const published = first.filter((at) => at < size && everywhere.every((found) => found.has(at)));
  const hashes = await Promise.all(published.map((at) => reader.leafHash(at, size)));
  return hashes.map((hash) => log.entryId(hash));
}

function keysOf({ email, subject, hash, publicKey }: RekorSearch): string[] {
  const keys: string[] = [];
  for (const name of [email, subject]) if (name !== undefined) keys.push(nameSearchKey(name));
  if (hash !== undefined) keys.push(digestKey(hash.toLowerCase()));
  if (publicKey) {
    try {
      keys.push(signerSearchKey(readPemVerifier(fromBase64(publicKey.content)).canonical));
    } catch (cause) {
      const detail = 'publicKey.content is no base64 of the PEM of a supported key';
      throw new HttpProblem('malformed-body', 400, detail, { cause, field: 'publicKey.content' });
    }
  }
  return keys;
}

function digestKey(hash: string): string {
  if (hash.includes(':')) return hash;
  const algorithm = { 40: 'sha1', 64: 'sha256', 96: 'sha384', 128: 'sha512' }[hash.length];
  return `${algorithm ?? 'sha256'}:${hash}`;
}
