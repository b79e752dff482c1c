import type { AttestationStore } from '../attestations/attestation-store.js';
import type { IndexedLog, LoggedEntry } from '../index-store/indexed-log.js';
import type { LeafKeys } from '../map/leaf-keys.js';
import type { Writers } from '../writers/writers.js';
import type { EntryThreads } from './entry-threads.js';
import type { PreparedEntry } from './prepare-entry.js';

/** What every way of writing goes through, whichever API it came by. */
export interface WriteDesk {
  readonly indexed: IndexedLog;
  readonly attestations: AttestationStore;
  readonly writers: Writers;
  /** What the map has new leaves under. */
  readonly leafKeys: LeafKeys;
  /** Where entries are made from requests. */
  readonly threads: EntryThreads;
}

/**
 * Logs an entry:
 *   1. those who signed it may write,
 *   2. the attestation it names is durable,
 *   3. the entry is; one that was logged before keeps its place.
 */
export async function writeEntry(
  { body, payload, hash, keys, mapKeys, signers, signed }: PreparedEntry,
  { indexed, attestations, writers, leafKeys }: WriteDesk,
): Promise<LoggedEntry> {
  writers.admitSigners(signers);
  if (payload) await attestations.put(payload);
  // What was signed may have been handed in before; then the entry is found by what that says.
  const described = signed !== undefined && attestations.has(signed);
  const logged = await indexed.append(body, described ? undefined : { hash, keys });
  if (!logged.known && !described) leafKeys.put(logged.index, mapKeys);
  return logged;
}
