import { equalBytes } from '../../bytes.js';
import { checkMacDigest } from '../../digests.js';
import { useLockKey } from '../../configuration.js';
import type { Command } from '../../frame.js';
import { requireConfigLocked, serialOf, slotConfigOf, symmetricKey } from '../access.js';
import { parseCheck, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';
import { matchingTempKey } from './mac.js';

const MODE = { secondTempKey: 1, firstTempKey: 2, otp64: 0x20 } as const;
const SIZE = 32 + 32 + 13;

/**
 * CheckMac (28): whether another chip's MAC answer was made with the key in a slot. A match with
 * TempKey as the second block authorises the keys that name this one, and, where the next odd
 * slot's ReadKey is 0, copies that slot into TempKey. The data zone need not be locked. Both side effects follow the public summary
 * and are unverified on silicon.
 */
export const checkMac: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck((p1 & ~0x27) === 0 && data.length === SIZE);
  requireConfigLocked(chip);
  const tempKey = (p1 & 3) === 0 ? undefined : matchingTempKey(chip, p1);
  const first =
    tempKey !== undefined && (p1 & MODE.firstTempKey) !== 0 ? tempKey : symmetricKey(chip, p2);
  const second =
    tempKey !== undefined && (p1 & MODE.secondTempKey) !== 0 ? tempKey : data.subarray(0, 32);
  const otp = new Uint8Array(8);
  if ((p1 & MODE.otp64) !== 0) otp.set(chip.eeprom.otp.subarray(0, 8));
  const expected = checkMacDigest(first, second, data.subarray(64), serialOf(chip), otp);
  if (tempKey !== undefined) chip.volatile.tempKey = undefined;
  if (!equalBytes(expected, data.subarray(32, 64))) return 'miscompare';
  if (authorises(command)) {
    chip.volatile.authorisedBy = p2;
    if (useLockKey(chip.eeprom.config) === p2) chip.powered.useUnlocked = true;
    copyNextSlot(chip, p2);
  }
  return 'ok';
};

/** A key in the first block and a nonce of this chip in the second. */
function authorises({ p1 }: Command): boolean {
  return (p1 & MODE.secondTempKey) !== 0 && (p1 & MODE.firstTempKey) === 0;
}

function copyNextSlot(chip: Chip, slot: number): void {
  if (slot % 2 !== 0 || slotConfigOf(chip, slot + 1).readKey !== 0) return;
  chip.volatile.tempKey = plainTempKey(chip.eeprom.slot(slot + 1).slice(0, 32), true);
}
