import {
  chipOptions,
  CONFIG,
  isConfigLocked,
  isDataLocked,
  isSlotLocked,
  KEY_TYPE,
  keyConfigValue,
  parseKeyConfig,
  parseSlotConfig,
  serialNumber,
  slotConfigValue,
  useLockKey,
  type KeyConfig,
  type SlotConfig,
} from '../configuration.js';
import { readU32le } from '../bytes.js';
import type { KeyConfiguration } from '../digests.js';
import { isPrivateKey } from '../p256.js';
import { COUNTER_MAX } from '../counter-encoding.js';
import { SLOT_COUNT } from '../zone.js';
import { allowIf, parseCheck, type Chip } from './chip.js';
import { incrementCounter, readCounter } from './counters.js';
import type { TempKey } from './volatile.js';

/** The serial number of this chip. */
export function serialOf(chip: Chip): Uint8Array {
  return serialNumber(chip.eeprom.config);
}

export function slotConfigOf(chip: Chip, slot: number): SlotConfig {
  return parseSlotConfig(slotConfigValue(chip.eeprom.config, slot));
}

export function keyConfigOf(chip: Chip, slot: number): KeyConfig {
  return parseKeyConfig(keyConfigValue(chip.eeprom.config, slot));
}

/** The slot's configuration as digests take it in. */
export function configurationOf(chip: Chip, slot: number): KeyConfiguration {
  const { config } = chip.eeprom;
  return {
    slotConfig: slotConfigValue(config, slot),
    keyConfig: keyConfigValue(config, slot),
    unlocked: !isSlotLocked(config, slot),
  };
}

export function requireConfigLocked(chip: Chip): void {
  allowIf(isConfigLocked(chip.eeprom.config));
}

/** Keys are of use only behind both locks. */
export function requireDataLocked(chip: Chip): void {
  const { config } = chip.eeprom;
  allowIf(isConfigLocked(config) && isDataLocked(config));
}

export function requireSlotNumber(slot: number): void {
  parseCheck(slot < SLOT_COUNT);
}

/** TempKey when it is valid and no private key. */
export function requireTempKey(chip: Chip): TempKey {
  const { tempKey } = chip.volatile;
  allowIf(tempKey !== undefined && !tempKey.privateKey);
  return tempKey;
}

/**
 * The conditions that KeyConfig sets on any use of a key: a set latch, a host that proved to know
 * the authorising key, a TempKey that began with the chip's own random number. Then, as the last
 * thing before the use, one step of counter 0 for a key of limited use, which is refused once the
 * counter has reached CountMatch's value (or its end).
 *
 * UseLock keeps every key but the one it names from use until that one was proven by CheckMac, which
 * then holds until the power goes: the strictest reading of what is public, unverified on silicon. So
 * is that a failed command after this point has spent its step.
 */
export function useKey(chip: Chip, slot: number): void {
  const key = keyConfigOf(chip, slot);
  const gate = useLockKey(chip.eeprom.config);
  allowIf(gate === undefined || gate === slot || chip.powered.useUnlocked);
  allowIf(!key.persistentDisable || chip.powered.latch);
  allowIf(!key.requireAuthorisation || chip.volatile.authorisedBy === key.authorisingKey);
  if (key.requireRandom) {
    const { tempKey } = chip.volatile;
    allowIf(tempKey !== undefined && !tempKey.fixedNonce);
  }
  if (slotConfigOf(chip, slot).limitedUse) {
    allowIf(readCounter(chip, 0) < usesAllowed(chip));
    incrementCounter(chip, 0);
  }
}

/**
 * CountMatch: the value of counter 0 at which keys of limited use stop. Its slot holds it twice;
 * only the first is read, since the vendor's tests put other bytes behind it and expect no harm.
 */
function usesAllowed(chip: Chip): number {
  const match = chip.eeprom.config[CONFIG.countMatch]!;
  return (match & 1) === 0 ? COUNTER_MAX : readU32le(chip.eeprom.slot(match >>> 4), 0);
}

/** The first `length` bytes of a slot that holds a symmetric key, after useKey's conditions. */
export function symmetricKey(chip: Chip, slot: number, length = 32): Uint8Array {
  requireSlotNumber(slot);
  allowIf(!keyConfigOf(chip, slot).isPrivate);
  useKey(chip, slot);
  return chip.eeprom.slot(slot).slice(0, length);
}

/** Where a private key's 32 bytes stand in its slot, behind four bytes of padding. */
export const PRIVATE_KEY_OFFSET = 4;

/** The private key of a slot, when it is one and has been made. */
export function storedPrivateKey(chip: Chip, slot: number): Uint8Array {
  requireSlotNumber(slot);
  const { isPrivate, keyType } = keyConfigOf(chip, slot);
  allowIf(isPrivate && keyType === KEY_TYPE.p256);
  const key = chip.eeprom.slot(slot).slice(PRIVATE_KEY_OFFSET, PRIVATE_KEY_OFFSET + 32);
  allowIf(isPrivateKey(key));
  return key;
}

/** Whether a slot is meant for a public key: slots 8 to 15 can hold its 72 bytes. */
export function holdsPublicKey(chip: Chip, slot: number): boolean {
  const { isPrivate, keyType } = keyConfigOf(chip, slot);
  return slot >= 8 && slot < SLOT_COUNT && !isPrivate && keyType === KEY_TYPE.p256;
}

/** X‖Y of a public key in a slot: 4 bytes padding, X, 4 bytes padding, Y. */
export function storedPublicKey(chip: Chip, slot: number): Uint8Array {
  requireSlotNumber(slot);
  allowIf(holdsPublicKey(chip, slot));
  const bytes = chip.eeprom.slot(slot);
  const key = new Uint8Array(64);
  key.set(bytes.subarray(4, 36), 0);
  key.set(bytes.subarray(40, 72), 32);
  return key;
}

/** The upper four bits of a public key's slot, when KeyConfig wants keys validated. */
export const VALIDITY = { valid: 0x5, invalid: 0xa } as const;

export function isValidated(chip: Chip, slot: number): boolean {
  return chip.eeprom.slot(slot)[0]! >>> 4 === VALIDITY.valid;
}

/** The key for encrypted output and MACs of Verify and SecureBoot. */
export function ioProtectionKey(chip: Chip): Uint8Array {
  const options = chipOptions(chip.eeprom.config);
  allowIf(options.ioKeyEnabled);
  return chip.eeprom.slot(options.ioKeySlot).slice(0, 32);
}
