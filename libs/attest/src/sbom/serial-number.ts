import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { encodeUtf8 } from '@touchstone/note';
import { canonicalJson } from '../canonical-json.js';

/**
 * The serial number of a CycloneDX document that has none yet: a UUID of version 8 (RFC 9562) from
 * the SHA-256 of its canonical JSON, so that the same document has the same.
 */
export function sbomSerialNumber(document: object): string {
  const hash = sha256(encodeUtf8(canonicalJson(document))).subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return `urn:uuid:${bytesToHex(hash).replace(/^(.{8})(.{4})(.{4})(.{4})/u, '$1-$2-$3-$4-')}`;
}
