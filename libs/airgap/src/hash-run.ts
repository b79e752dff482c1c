import { HASH_SIZE } from '@touchstone/merkle';

/** Hashes one after the other: half the CBOR heads, and no list to bound. */
export function joinHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_SIZE);
  hashes.forEach((hash, at) => bytes.set(hash, at * HASH_SIZE));
  return bytes;
}

/** Views of `bytes`; undefined when they end within a hash. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] | undefined {
  if (bytes.length % HASH_SIZE !== 0) return undefined;
  return Array.from({ length: bytes.length / HASH_SIZE }, (_, at) =>
    bytes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE),
  );
}
