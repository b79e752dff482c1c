import type { Command } from '../../frame.js';
import { nonceDigest } from '../../digests.js';
import { requireTempKey } from '../access.js';
import { parseCheck, type Answer, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';
import { chipRandom } from './random.js';

const PASS_THROUGH = 3;
const NUM_IN_SIZE = 20;
/** Param2: take TempKey instead of a random number, and answer the result. */
const FROM_TEMP_KEY = 0x8000;

/**
 * Nonce (16). Random modes hash the chip's random number with the host's 20 bytes into TempKey.
 * Pass-through loads 32 or 64 bytes into TempKey, the message digest buffer or (32 only) the
 * alternate key buffer; the other two keep what they hold. The mode that hashes TempKey again
 * leaves its flags alone (unverified on silicon).
 */
export const nonce: Handler = (chip, command) => {
  switch (command.p1 & 3) {
    case 0:
    case 1:
      return randomNonce(chip, command);
    case PASS_THROUGH:
      return passThrough(chip, command);
    default:
      return 'parse';
  }
};

function randomNonce(chip: Chip, { p1, p2, data }: Command): Answer {
  parseCheck(p1 <= 1 && data.length === NUM_IN_SIZE && (p2 === 0 || p2 === FROM_TEMP_KEY));
  if (p2 === FROM_TEMP_KEY) {
    const tempKey = requireTempKey(chip);
    const value = nonceDigest(tempKey.value.subarray(0, 32), data, p1, p2);
    chip.volatile.tempKey = { ...tempKey, value };
    return value.slice();
  }
  const random = chipRandom(chip);
  chip.volatile.tempKey = plainTempKey(nonceDigest(random, data, p1, p2), false);
  return random;
}

function passThrough(chip: Chip, { p1, p2, data }: Command): Answer {
  const size = (p1 & 0x20) === 0 ? 32 : 64;
  parseCheck((p1 & 0x1c) === 0 && p2 === 0 && data.length === size);
  switch (p1 >>> 6) {
    case 0:
      chip.volatile.tempKey = plainTempKey(data.slice(), true);
      return 'ok';
    case 1:
      chip.volatile.messageDigest = data.slice();
      return 'ok';
    case 2:
      parseCheck(size === 32);
      chip.volatile.alternateKey = data.slice();
      return 'ok';
    default:
      return 'parse';
  }
}
