import { AttestError, dsseEntry, hashedRekordEntry } from '@touchstone/attest';
import type { EntryRequest, TransparencyLogEntry } from '@touchstone/contract';
import type { SignatureVerifier } from '@touchstone/note';
import { HttpProblem } from '../http-problem.js';
import type { Log } from '../log.js';
import { provenEntry } from './proven-entry.js';

/**
 * Logs what a Rekor v2 request asks for and answers once a published checkpoint covers it:
 *   1. the entry is made from the request, every signature in it verified,
 *   2. it is appended, durable and published,
 *   3. its inclusion proof holds against that very checkpoint.
 */
export async function addEntry(
  request: EntryRequest,
  log: Log,
  verify: SignatureVerifier,
): Promise<TransparencyLogEntry> {
  const leaf = await entryOf(request, verify);
  const { index, published } = await log.append(leaf);
  const { checkpoint: note, size } = await published;
  return provenEntry(log, leaf, index, { note, size });
}

async function entryOf(request: EntryRequest, verify: SignatureVerifier): Promise<Uint8Array> {
  try {
    return 'dsseRequestV002' in request
      ? await dsseEntry(request.dsseRequestV002, verify)
      : hashedRekordEntry(request.hashedRekordRequestV002);
  } catch (error) {
    throw refusal(error);
  }
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
