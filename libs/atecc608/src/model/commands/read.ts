import { isConfigLocked, isDataLocked } from '../../configuration.js';
import { xorBytes } from '../../bytes.js';
import { decodeAddress, ZONE, type Zone } from '../../zone.js';
import { keyConfigOf, requireTempKey, slotConfigOf } from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';

const BLOCK = 0x80;

/**
 * Read (02): 4 or 32 bytes. The configuration can always be read; OTP and data only behind both
 * locks, data as its SlotConfig says. 32 bytes over the end of a slot read as zeros there.
 */
export const read: Handler = (chip, { p1, p2, data }) => {
  const zone = p1 & 3;
  parseCheck((p1 & 0x7c) === 0 && zone <= 2 && data.length === 0);
  const block = (p1 & BLOCK) !== 0;
  const place = decodeAddress(zone as Zone, p2);
  parseCheck(place !== undefined && !(block && place.offset % 32 !== 0));
  const length = block ? 32 : 4;
  const bytes = new Uint8Array(length);
  const source = chip.eeprom.zone(zone as Zone, place.slot);
  bytes.set(source.subarray(place.offset, place.offset + length));
  if (zone === ZONE.config) return bytes;
  const { config } = chip.eeprom;
  allowIf(isConfigLocked(config) && isDataLocked(config));
  return zone === ZONE.otp ? bytes : readSlot(chip, place.slot, bytes, block);
};

function readSlot(chip: Chip, slot: number, bytes: Uint8Array, block: boolean): Uint8Array {
  const { isSecret, encryptRead, readKey } = slotConfigOf(chip, slot);
  allowIf(!keyConfigOf(chip, slot).isPrivate && isSecret === encryptRead);
  if (!isSecret) return bytes;
  allowIf(block);
  const tempKey = requireTempKey(chip);
  const keyed = tempKey.genDigData && tempKey.keyId === readKey && !tempKey.noMac;
  allowIf(keyed && !tempKey.fixedNonce);
  chip.volatile.tempKey = undefined;
  return xorBytes(bytes, tempKey.value);
}
