import { hash } from 'node:crypto';
import { mapHasher, type MapHasher, type Sha256 } from '@touchstone/merkle';

/** SHA-256 on node:crypto, as the pure libraries want it. */
export const nodeSha256: Sha256 = (data) => {
  const digest = hash('sha256', data, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
};

/** Map hashing on node:crypto. */
export const nodeMapHasher: MapHasher = mapHasher(nodeSha256);
