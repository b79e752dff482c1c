import { bytesToHex } from '@noble/hashes/utils.js';
import { STATEMENT_PAYLOAD_TYPE } from '../dsse.js';
import { parsePae } from '../rekor/bundle.js';
import type { EntryView } from '../rekor/read-entry.js';
import type { ReadAttestation } from './index-keys.js';

/** What was signed in an envelope that an entry is of; its signatures are not checked. */
export interface EntryPayload {
  readonly payloadType: string;
  readonly payload: Uint8Array;
}

/**
 * The payload of the DSSE envelope that an entry is of. An entry of kind `dsse` does not say of which
 * type: it is taken for in-toto's, and the signature tells.
 *
 * @returns `absent` when what the entry names cannot be had, `none` when it is of no envelope
 */
export async function entryPayload(
  { payloadSha256, signed }: EntryView,
  read: ReadAttestation,
): Promise<EntryPayload | 'absent' | 'none'> {
  if (payloadSha256) {
    const payload = await read(bytesToHex(payloadSha256));
    return payload ? { payloadType: STATEMENT_PAYLOAD_TYPE, payload } : 'absent';
  }
  // A signature over another digest than SHA-256 is none over an envelope by a key of ours.
  if (signed?.algorithm !== 'sha256') return 'none';
  const bytes = await read(bytesToHex(signed.digest));
  return bytes ? (parsePae(bytes) ?? 'none') : 'absent';
}
