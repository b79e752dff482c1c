import { ghash } from '@noble/ciphers/_polyval.js';
import { ecb } from '@noble/ciphers/aes.js';
import { CONFIG, KEY_TYPE } from '../../configuration.js';
import { SLOT_SIZES } from '../../zone.js';
import {
  keyConfigOf,
  requireDataLocked,
  requireSlotNumber,
  requireTempKey,
  symmetricKey,
} from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';

const OPERATION = { encrypt: 0, decrypt: 1, gfm: 3 } as const;
const KEY_IN_TEMP_KEY = 0xffff;
const SIZE = 16;

/**
 * AES (51): one block of AES-128 in ECB under 16 bytes of a slot or of TempKey, or (GFM) the
 * product of two blocks in GF(2^128) as GCM multiplies (NIST SP 800-38D section 6.3).
 */
export const aes: Handler = (chip, { p1, p2, data }) => {
  parseCheck((p1 & 0x38) === 0);
  allowIf((chip.eeprom.config[CONFIG.aesEnable]! & 1) !== 0);
  const operation = p1 & 7;
  if (operation === OPERATION.gfm) {
    parseCheck(data.length === 2 * SIZE);
    return ghash(data.subarray(SIZE), data.subarray(0, SIZE));
  }
  parseCheck(operation <= OPERATION.decrypt && data.length === SIZE);
  const key = keyBlock(chip, p2, p1 >>> 6);
  return operation === OPERATION.encrypt ? encryptBlock(key, data) : decryptBlock(key, data);
};

function keyBlock(chip: Chip, keyId: number, block: number): Uint8Array {
  const start = block * SIZE;
  if (keyId === KEY_IN_TEMP_KEY) {
    const { value } = requireTempKey(chip);
    parseCheck(start + SIZE <= value.length);
    return value.slice(start, start + SIZE);
  }
  requireSlotNumber(keyId);
  requireDataLocked(chip);
  allowIf(keyConfigOf(chip, keyId).keyType === KEY_TYPE.aes);
  parseCheck(start + SIZE <= SLOT_SIZES[keyId]!);
  return symmetricKey(chip, keyId, start + SIZE).subarray(start);
}

export function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  return ecb(key, { disablePadding: true }).encrypt(block);
}

function decryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  return ecb(key, { disablePadding: true }).decrypt(block);
}
