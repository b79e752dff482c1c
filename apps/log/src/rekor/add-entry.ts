import type { TransparencyLogEntry } from '@touchstone/contract';
import { provenEntry } from './proven-entry.js';
import { writeEntry } from './write-desk.js';
import type { WriteDesk } from './write-desk.js';

/**
 * Logs what a Rekor v2 request asks for and answers once a published checkpoint covers it:
 *   1. the entry is made from the request, every signature in it verified,
 *   2. it is appended, durable and published, or was so before,
 *   3. its inclusion proof holds against that very checkpoint.
 */
export async function addEntry(body: unknown, desk: WriteDesk): Promise<TransparencyLogEntry> {
  const entry = await desk.threads.prepare({ api: 'v2', body });
  const { index, published } = await writeEntry(entry, desk);
  const { checkpoint: note, size } = await published;
  return provenEntry(desk.indexed.log, entry, index, { note, size });
}
