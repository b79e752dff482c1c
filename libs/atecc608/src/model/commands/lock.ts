import { readU16le, u16le } from '../../bytes.js';
import { CONFIG, isConfigLocked, isDataLocked, isSlotLocked } from '../../configuration.js';
import { crc16 } from '../../crc16.js';
import { ZONE } from '../../zone.js';
import { keyConfigOf, requireConfigLocked } from '../access.js';
import { allowIf, parseCheck, type Answer, type Chip, type Handler } from '../chip.js';

const WITHOUT_CRC = 0x80;
const LOCKED = 0x00;

/**
 * Lock (17): the configuration, then the data zone with OTP, then single slots, none of it ever
 * undone. Unless told not to, the first two compare param2 with the CRC of what is being locked
 * (data slots in order, then OTP); a difference is refused. What the checksum makes of private
 * keys is unverified on silicon; here their bytes count like any others.
 */
export const lock: Handler = (chip, { p1, p2, data }) => {
  parseCheck(data.length === 0 && (p1 & 0x40) === 0);
  const { config } = chip.eeprom;
  const expected = (p1 & WITHOUT_CRC) === 0 ? p2 : undefined;
  switch (p1 & 3) {
    case 0:
      parseCheck((p1 & 0x3c) === 0);
      allowIf(!isConfigLocked(config));
      allowIf(expected === undefined || expected === crc16(config));
      return writeLock(chip, CONFIG.lockConfig, Uint8Array.of(LOCKED));
    case 1:
      parseCheck((p1 & 0x3c) === 0);
      allowIf(isConfigLocked(config) && !isDataLocked(config));
      allowIf(expected === undefined || expected === dataCrc(chip));
      return writeLock(chip, CONFIG.lockValue, Uint8Array.of(LOCKED));
    case 2:
      return lockSlot(chip, (p1 >>> 2) & 15);
    default:
      return 'parse';
  }
};

function lockSlot(chip: Chip, slot: number): Answer {
  const { config } = chip.eeprom;
  requireConfigLocked(chip);
  allowIf(keyConfigOf(chip, slot).lockable && !isSlotLocked(config, slot));
  const bits = readU16le(config, CONFIG.slotLocked) & ~(1 << slot);
  const at = slot < 8 ? 0 : 1;
  return writeLock(chip, CONFIG.slotLocked + at, u16le(bits).subarray(at, at + 1));
}

function dataCrc(chip: Chip): number {
  const [data, otp] = chip.eeprom.dataAndOtp;
  return crc16(otp, crc16(data));
}

/** One byte, so that a lock is either done or not. */
function writeLock(chip: Chip, offset: number, byte: Uint8Array): Answer {
  chip.eeprom.write(ZONE.config, 0, offset, byte);
  return 'ok';
}
