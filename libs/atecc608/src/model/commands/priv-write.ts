import { equalBytes } from '../../bytes.js';
import { isDataLocked, isSlotLocked, KEY_TYPE } from '../../configuration.js';
import { privWriteCipher, privWriteMac } from '../../digests.js';
import type { Command } from '../../frame.js';
import { isPrivateKey } from '../../p256.js';
import { ZONE } from '../../zone.js';
import {
  keyConfigOf,
  PRIVATE_KEY_OFFSET,
  requireConfigLocked,
  requireSlotNumber,
  requireTempKey,
  serialOf,
  slotConfigOf,
} from '../access.js';
import { allowIf, parseCheck, Refusal, type Chip, type Handler } from '../chip.js';

const ENCRYPTED = 0x40;
const KEY_SIZE = 36;
const MAC_SIZE = 32;

/**
 * PrivWrite (46): four bytes of padding and a private key, with a MAC. In clear (the MAC is then
 * not looked at) only until the data zone is locked; afterwards encrypted under GenDig of the
 * slot's WriteKey, where WriteConfig's bit 2 allows it.
 */
export const privWrite: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck((p1 & ~ENCRYPTED) === 0 && data.length === KEY_SIZE + MAC_SIZE);
  requireSlotNumber(p2);
  requireConfigLocked(chip);
  const { config } = chip.eeprom;
  const { isPrivate, keyType } = keyConfigOf(chip, p2);
  allowIf(isPrivate && keyType === KEY_TYPE.p256 && !isSlotLocked(config, p2));
  const encrypted = (p1 & ENCRYPTED) !== 0;
  if (isDataLocked(config)) allowIf(encrypted && (slotConfigOf(chip, p2).writeConfig & 4) !== 0);
  const clear = encrypted ? decrypt(chip, command) : data.subarray(0, KEY_SIZE);
  allowIf(isPrivateKey(clear.subarray(PRIVATE_KEY_OFFSET)));
  chip.eeprom.write(ZONE.data, p2, 0, clear);
  return 'ok';
};

function decrypt(chip: Chip, command: Command): Uint8Array {
  const tempKey = requireTempKey(chip);
  allowIf(tempKey.genDigData && !tempKey.noMac);
  if (isDataLocked(chip.eeprom.config)) {
    allowIf(tempKey.keyId === slotConfigOf(chip, command.p2).writeKey);
  }
  chip.volatile.tempKey = undefined;
  const sessionKey = tempKey.value.subarray(0, 32);
  const clear = privWriteCipher(sessionKey, command.data.subarray(0, KEY_SIZE));
  const expected = privWriteMac(sessionKey, command, serialOf(chip), clear);
  if (!equalBytes(expected, command.data.subarray(KEY_SIZE))) throw new Refusal('miscompare');
  return clear;
}
