import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** The key under which entries of a public key, or certificate, are found: SHA-256 of its PEM. */
export function signerSearchKey(pem: Uint8Array): string {
  return `pem:${bytesToHex(sha256(pem))}`;
}

/** The key under which entries of a name are found, such as an e-mail address in a certificate. */
export function nameSearchKey(name: string): string {
  return `name:${name.toLowerCase()}`;
}

/** Keys under which the entries of a signer are found, whatever else they say. */
export function signerSearchKeys(pem: Uint8Array, names: readonly string[]): string[] {
  return [signerSearchKey(pem), ...names.map(nameSearchKey)];
}
