import { equalBytes, xorBytes } from '../../bytes.js';
import { CONFIG, isConfigLocked, isDataLocked, isSlotLocked } from '../../configuration.js';
import { keyedDigest } from '../../digests.js';
import type { Command } from '../../frame.js';
import { decodeAddress, ZONE, zoneSize, type Zone } from '../../zone.js';
import {
  holdsPublicKey,
  isValidated,
  keyConfigOf,
  requireTempKey,
  serialOf,
  slotConfigOf,
  VALIDITY,
} from '../access.js';
import { allowIf, parseCheck, Refusal, type Answer, type Chip, type Handler } from '../chip.js';

const BLOCK = 0x80;
const ENCRYPTED = 0x40;
const MAC_SIZE = 32;

interface Place {
  readonly zone: Zone;
  readonly slot: number;
  readonly offset: number;
}

/**
 * Write (12): 4 or 32 bytes, in clear or encrypted with a MAC. Until the data zone is locked its
 * slots and OTP take 32 bytes at a time and policy does not apply; afterwards OTP is fixed and
 * SlotConfig decides. Bytes beyond the end of a slot or block are ignored, also of 32 that begin
 * at a later word of a slot's block.
 */
export const write: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  const zone = p1 & 3;
  parseCheck((p1 & 0x3c) === 0 && zone <= 2);
  const encrypted = (p1 & ENCRYPTED) !== 0;
  const length = (p1 & BLOCK) === 0 ? 4 : 32;
  const macSize = encrypted ? MAC_SIZE : 0;
  parseCheck(data.length === length + macSize && !(encrypted && length === 4));
  const place = decodeAddress(zone as Zone, p2);
  parseCheck(place !== undefined);
  parseCheck(place.offset % length === 0 || zone === ZONE.data);
  const target = { zone: zone as Zone, ...place };
  if (zone === ZONE.config) {
    parseCheck(!encrypted);
    return writeConfig(chip, target, data);
  }
  return writeData(chip, target, command, encrypted);
};

/** Serial number, UserExtra and the locks are not written this way. */
function writeConfig(chip: Chip, place: Place, data: Uint8Array): Answer {
  const end = place.offset + data.length;
  const fixed = place.offset < CONFIG.i2cAddress;
  const locks = place.offset < CONFIG.slotLocked && end > CONFIG.userExtra;
  allowIf(!isConfigLocked(chip.eeprom.config) && !fixed && !locks);
  chip.eeprom.write(ZONE.config, 0, place.offset, data);
  return 'ok';
}

function writeData(chip: Chip, place: Place, command: Command, encrypted: boolean): Answer {
  const { config } = chip.eeprom;
  allowIf(isConfigLocked(config));
  const locked = isDataLocked(config);
  const isSlot = place.zone === ZONE.data;
  const block = (command.p1 & BLOCK) !== 0;
  if (locked) allowIf(isSlot);
  else allowIf(block);
  if (isSlot) allowSlot(chip, place.slot, encrypted, locked);
  const clear = encrypted ? decrypt(chip, place, command, locked) : command.data.slice();
  if (isSlot && wantsValidation(chip, place.slot)) invalidate(chip, place, clear);
  const end = Math.min(zoneSize(place.zone, place.slot), place.offset - (place.offset % 32) + 32);
  chip.eeprom.write(place.zone, place.slot, place.offset, clear.subarray(0, end - place.offset));
  return 'ok';
}

function wantsValidation(chip: Chip, slot: number): boolean {
  return holdsPublicKey(chip, slot) && keyConfigOf(chip, slot).pubInfo;
}

/** A key that wants validation loses its validity before any of its bytes changes. */
function invalidate(chip: Chip, { slot, offset }: Place, clear: Uint8Array): void {
  const mark = (byte: number): number => (byte & 0x0f) | (VALIDITY.invalid << 4);
  const first = chip.eeprom.slot(slot)[0]!;
  chip.eeprom.write(ZONE.data, slot, 0, Uint8Array.of(mark(first)));
  if (offset === 0) clear[0] = mark(clear[0]!);
}

function allowSlot(chip: Chip, slot: number, encrypted: boolean, locked: boolean): void {
  allowIf(!keyConfigOf(chip, slot).isPrivate && !isSlotLocked(chip.eeprom.config, slot));
  if (!locked) return;
  const { writeConfig } = slotConfigOf(chip, slot);
  if ((writeConfig & 4) !== 0) allowIf(encrypted);
  else allowIf(writeConfig <= 1 && !encrypted);
  if (writeConfig === 1) allowIf(!(wantsValidation(chip, slot) && isValidated(chip, slot)));
}

/** The clear block, when the MAC shows that the host knew TempKey. */
function decrypt(chip: Chip, place: Place, command: Command, locked: boolean): Uint8Array {
  const tempKey = requireTempKey(chip);
  allowIf(tempKey.genDigData && !tempKey.noMac);
  if (locked) allowIf(tempKey.keyId === slotConfigOf(chip, place.slot).writeKey);
  chip.volatile.tempKey = undefined;
  const sessionKey = tempKey.value.subarray(0, 32);
  const clear = xorBytes(command.data.subarray(0, 32), sessionKey);
  const expected = keyedDigest(sessionKey, command, serialOf(chip), clear);
  if (!equalBytes(expected, command.data.subarray(32))) throw new Refusal('miscompare');
  return clear;
}
