import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { SIGNATURE_HEADER } from './signature-data.js';

const DOMAIN = utf8ToBytes('wasmsig');

/** What is signed: tool-conventions, Signatures.md, "Signature data". */
export function signedMessage(hashes: readonly Uint8Array[]): Uint8Array {
  return concatBytes(DOMAIN, Uint8Array.from(SIGNATURE_HEADER), ...hashes);
}

/** No section has the id 0xff, so no binary has sections of these bytes, and none has this hash. */
const BINDING_DOMAIN = concatBytes(
  Uint8Array.of(0xff),
  utf8ToBytes('touchstone-strict-signature-v1'),
);

/**
 * The last hash of a set of the strict profile: it binds the preamble, which no other hash covers,
 * and the number of parts. Other readers of the format look their own hashes up among those of a
 * set and pass over this one.
 */
export function bindingHash(preamble: Uint8Array, hashes: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(BINDING_DOMAIN, preamble, ...hashes));
}

export function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return (
    a !== undefined && a.length === b?.length && a.every((byte, position) => byte === b[position])
  );
}
