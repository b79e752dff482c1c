import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { u32le } from '../bytes.js';
import type { RandomSource } from './chip.js';

/**
 * A generator that gives the same bytes for the same seed: HMAC-SHA256 of a counter under it. For
 * tests and demonstrations; a chip that keeps secrets wants real randomness.
 */
export function seededRandom(seed: Uint8Array): RandomSource {
  const key = hmac(sha256, utf8ToBytes('touchstone atecc608 model'), seed);
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let made = 0; made < length; made += 32) blocks.push(hmac(sha256, key, u32le(counter++)));
    return concatBytes(...blocks).slice(0, length);
  };
}
