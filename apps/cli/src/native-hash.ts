import { createHash } from 'node:crypto';
import type { RollingHash } from '@touchstone/wasm';

/** SHA-256 of node:crypto that can be asked on the way. */
export function rollingSha256(): RollingHash {
  const hash = createHash('sha256');
  return {
    update: (data) => hash.update(data),
    digest: () => new Uint8Array(hash.copy().digest()),
  };
}

export function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}
