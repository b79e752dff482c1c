import { equalBytes } from '../../bytes.js';
import { isSlotLocked } from '../../configuration.js';
import { deriveKeyMac, keyedDigest } from '../../digests.js';
import { ZONE } from '../../zone.js';
import {
  keyConfigOf,
  requireDataLocked,
  requireSlotNumber,
  serialOf,
  slotConfigOf,
  symmetricKey,
} from '../access.js';
import { allowIf, parseCheck, type Handler } from '../chip.js';
import { matchingTempKey } from './mac.js';

const WRITE_CONFIG = { fromParent: 1, allowed: 2, wantsMac: 8 } as const;
const MAC_SIZE = 32;

/**
 * DeriveKey (1C): a slot's new key is the hash of its old one, or of the parent that its WriteKey
 * names, with TempKey. Some slots want a MAC under the parent first. Bit 2 of the mode must agree
 * with TempKey's SourceFlag.
 */
export const deriveKey: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck((p1 & ~4) === 0 && (data.length === 0 || data.length === MAC_SIZE));
  requireSlotNumber(p2);
  requireDataLocked(chip);
  const { writeConfig, writeKey } = slotConfigOf(chip, p2);
  allowIf((writeConfig & WRITE_CONFIG.allowed) !== 0);
  allowIf(!keyConfigOf(chip, p2).isPrivate && !isSlotLocked(chip.eeprom.config, p2));
  const tempKey = matchingTempKey(chip, p1);
  const parent = symmetricKey(chip, (writeConfig & WRITE_CONFIG.fromParent) === 0 ? p2 : writeKey);
  const serial = serialOf(chip);
  if ((writeConfig & WRITE_CONFIG.wantsMac) !== 0) {
    allowIf(data.length === MAC_SIZE);
    if (!equalBytes(deriveKeyMac(parent, command, serial), data)) return 'miscompare';
  } else {
    parseCheck(data.length === 0);
  }
  chip.volatile.tempKey = undefined;
  chip.eeprom.write(ZONE.data, p2, 0, keyedDigest(parent, command, serial, tempKey));
  return 'ok';
};
