import { AttestError } from '@touchstone/attest';
import type { NewEntry } from '@touchstone/attest';
import type { AttestationStore } from '../attestations/attestation-store.js';
import { HttpProblem } from '../http-problem.js';
import type { IndexedLog, LoggedEntry } from '../index-store/indexed-log.js';
import type { Writers } from '../writers/writers.js';

/** What every way of writing goes through, whichever API it came by. */
export interface WriteDesk {
  readonly indexed: IndexedLog;
  readonly attestations: AttestationStore;
  readonly writers: Writers;
}

/**
 * Logs an entry:
 *   1. those who signed it may write,
 *   2. the attestation it names is durable,
 *   3. the entry is; one that was logged before keeps its place.
 */
export async function writeEntry(
  { body, payload }: NewEntry,
  { indexed, attestations, writers }: WriteDesk,
): Promise<LoggedEntry> {
  writers.admitEntry(body);
  if (payload) await attestations.put(payload);
  return indexed.append(body);
}

/** What is wrong with an entry, as problem details; anything else is passed on. */
export function refusal(error: unknown): unknown {
  if (!(error instanceof AttestError)) return error;
  const code = error.code === 'entry-signature' ? 'entry-signature' : 'entry-malformed';
  const { field } = error;
  return new HttpProblem(code, 400, error.message, {
    cause: error,
    ...(field === undefined ? {} : { field }),
  });
}
