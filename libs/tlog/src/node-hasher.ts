import { hash } from 'node:crypto';
import { treeHasher } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';

/** RFC 6962 hashing on node:crypto, some five times as fast as what core floors can do alone. */
export const nodeHasher: TreeHasher = treeHasher((data) => {
  const digest = hash('sha256', data, 'buffer');
  // Not a Buffer: its slice() is a view, and nothing above expects that.
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
});
