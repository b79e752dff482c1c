import { hash } from 'node:crypto';
import { HASH_SIZE } from '@touchstone/merkle';
import type { Sha256 } from '@touchstone/merkle';

/**
 * SHA-256 on node:crypto, as the pure libraries want it. Node hands bytes out in memory that the
 * collector has to be told of, which takes four times as long as the hash: a string of a character
 * for each byte costs next to nothing.
 */
export const nodeSha256: Sha256 = (data) => {
  const characters = hash('sha256', data, 'binary');
  const digest = new Uint8Array(HASH_SIZE);
  for (let i = 0; i < HASH_SIZE; i++) digest[i] = characters.charCodeAt(i);
  return digest;
};
