import { macDigest } from '../../digests.js';
import { requireDataLocked, requireTempKey, serialOf, symmetricKey } from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';

const MODE = {
  secondTempKey: 1,
  firstTempKey: 2,
  fixedNonce: 4,
  otp88: 0x10,
  otp64: 0x20,
} as const;

/**
 * MAC (08): the hash of a key (or TempKey) and a challenge (or TempKey) with the parameters, OTP
 * and serial number as the mode says. Bit 2 must agree with TempKey's SourceFlag.
 */
export const mac: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck((p1 & 0x88) === 0);
  const fromTempKey = (p1 & MODE.secondTempKey) !== 0;
  parseCheck(data.length === (fromTempKey ? 0 : 32));
  requireDataLocked(chip);
  const tempKey = (p1 & 3) === 0 ? undefined : matchingTempKey(chip, p1);
  const first =
    tempKey !== undefined && (p1 & MODE.firstTempKey) !== 0 ? tempKey : symmetricKey(chip, p2);
  const second = tempKey !== undefined && fromTempKey ? tempKey : data;
  const otp = new Uint8Array(11);
  const included = (p1 & MODE.otp88) !== 0 ? 11 : (p1 & MODE.otp64) !== 0 ? 8 : 0;
  otp.set(chip.eeprom.otp.subarray(0, included));
  if (tempKey !== undefined) chip.volatile.tempKey = undefined;
  return macDigest(first, second, command, serialOf(chip), otp);
};

/** The first 32 bytes of TempKey, when MAC and CheckMac may use it under this mode. */
export function matchingTempKey(chip: Chip, mode: number): Uint8Array {
  const tempKey = requireTempKey(chip);
  allowIf(!tempKey.noMac && tempKey.fixedNonce === ((mode & MODE.fixedNonce) !== 0));
  return tempKey.value.subarray(0, 32);
}
