import { dsseEntry, hashedRekordEntry } from '@touchstone/attest';
import type { NewEntry } from '@touchstone/attest';
import type { EntryRequest, TransparencyLogEntry } from '@touchstone/contract';
import { ecdsaDigestCheck, nodeVerifier } from '@touchstone/keys';
import { provenEntry } from './proven-entry.js';
import { refusal, writeEntry } from './write-desk.js';
import type { WriteDesk } from './write-desk.js';

/**
 * Logs what a Rekor v2 request asks for and answers once a published checkpoint covers it:
 *   1. the entry is made from the request, every signature in it verified,
 *   2. it is appended, durable and published, or was so before,
 *   3. its inclusion proof holds against that very checkpoint.
 */
export async function addEntry(
  request: EntryRequest,
  desk: WriteDesk,
): Promise<TransparencyLogEntry> {
  const entry = await entryOf(request);
  const { index, published } = await writeEntry(entry, desk);
  const { checkpoint: note, size } = await published;
  return provenEntry(desk.indexed.log, entry.body, index, { note, size });
}

async function entryOf(request: EntryRequest): Promise<NewEntry> {
  try {
    return 'dsseRequestV002' in request
      ? await dsseEntry(request.dsseRequestV002, nodeVerifier, ecdsaDigestCheck)
      : { body: hashedRekordEntry(request.hashedRekordRequestV002, ecdsaDigestCheck) };
  } catch (error) {
    throw refusal(error);
  }
}
