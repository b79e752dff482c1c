import { concatBytes } from '@noble/hashes/utils.js';
import { chipOptions } from '../../configuration.js';
import { ioCipher } from '../../digests.js';
import type { Command } from '../../frame.js';
import { isPublicKey, sharedSecret } from '../../p256.js';
import { ZONE } from '../../zone.js';
import {
  ioProtectionKey,
  keyConfigOf,
  requireDataLocked,
  requireSlotNumber,
  slotConfigOf,
  storedPrivateKey,
  useKey,
} from '../access.js';
import { allowIf, parseCheck, type Answer, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';
import { chipRandom } from './random.js';

const FROM_TEMP_KEY = 1;
const ENCRYPT = 2;
const TARGET = { slotConfig: 0, slot: 1, tempKey: 2, output: 3 } as const;

/**
 * ECDH (43): the X coordinate of the shared point, put where the mode or (mode 0) the slot's
 * ReadKey bit 3 says: the answer, encrypted or not, the next odd slot, or TempKey. ChipOptions may
 * forbid clear answers or all of them; the meaning of those two bits is unverified on silicon.
 */
export const ecdh: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck((p1 & 0xf0) === 0 && data.length === 64);
  requireDataLocked(chip);
  allowIf(isPublicKey(data));
  const secret = sharedSecret(privateKey(chip, command), data);
  switch (target(chip, command)) {
    case TARGET.slot:
      return intoSlot(chip, p2, secret);
    case TARGET.tempKey:
      chip.volatile.tempKey = plainTempKey(secret, true);
      return 'ok';
    default:
      return output(chip, secret, (p1 & ENCRYPT) !== 0);
  }
};

function privateKey(chip: Chip, { p1, p2 }: Command): Uint8Array {
  if ((p1 & FROM_TEMP_KEY) !== 0) {
    const { tempKey } = chip.volatile;
    allowIf(tempKey?.privateKey === true);
    return tempKey.value;
  }
  requireSlotNumber(p2);
  allowIf(slotConfigOf(chip, p2).ecdh);
  const key = storedPrivateKey(chip, p2);
  useKey(chip, p2);
  return key;
}

/** A slot whose ReadKey keeps the secret inside is never overruled by the mode. */
function target(chip: Chip, { p1, p2 }: Command): number {
  const asked = (p1 >>> 2) & 3;
  if ((p1 & FROM_TEMP_KEY) !== 0) {
    allowIf(asked >= TARGET.tempKey);
    return asked;
  }
  const inside = slotConfigOf(chip, p2).ecdhToSlot;
  if (asked === TARGET.slotConfig) return inside ? TARGET.slot : TARGET.output;
  allowIf(!(inside && asked === TARGET.output));
  return asked;
}

function intoSlot(chip: Chip, slot: number, secret: Uint8Array): Answer {
  const next = slot | 1;
  allowIf(next !== slot && !keyConfigOf(chip, next).isPrivate);
  chip.eeprom.write(ZONE.data, next, 0, secret);
  return 'ok';
}

function output(chip: Chip, secret: Uint8Array, encrypt: boolean): Answer {
  return protectedOutput(chip, secret, encrypt, chipOptions(chip.eeprom.config).ecdhProtection);
}

/** The answer of ECDH and KDF: bare, or encrypted and followed by the nonce. */
export function protectedOutput(
  chip: Chip,
  secret: Uint8Array,
  encrypt: boolean,
  protection: number,
): Uint8Array {
  allowIf(protection === 0 || (protection === 1 && encrypt));
  if (!encrypt) return secret;
  const nonce = chipRandom(chip);
  return concatBytes(ioCipher(ioProtectionKey(chip), nonce, secret), nonce);
}
