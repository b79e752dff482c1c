import { CONFIG } from '../../configuration.js';
import { tempKeyFlagByte } from '../../digests.js';
import { isPrivateKey, isPublicKey } from '../../p256.js';
import {
  holdsPublicKey,
  isValidated,
  keyConfigOf,
  PRIVATE_KEY_OFFSET,
  requireSlotNumber,
  storedPublicKey,
} from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';

const MODE = { revision: 0, keyValid: 1, state: 2, latch: 4 } as const;

/**
 * Info (30): four bytes about the chip. There is no GPIO pin on an I2C part to ask about; the
 * layout of State's second byte follows the public summary and is unverified on silicon.
 */
export const info: Handler = (chip, { p1, p2, data }) => {
  parseCheck(data.length === 0);
  switch (p1) {
    case MODE.revision:
      return chip.eeprom.config.slice(CONFIG.revision, CONFIG.revision + 4);
    case MODE.keyValid:
      requireSlotNumber(p2);
      return Uint8Array.of(isKeyValid(chip, p2) ? 1 : 0, 0, 0, 0);
    case MODE.state:
      return Uint8Array.of(...stateBytes(chip), 0, 0);
    case MODE.latch:
      parseCheck(p2 <= 3);
      if ((p2 & 2) !== 0) setLatch(chip, (p2 & 1) !== 0);
      return Uint8Array.of(chip.powered.latch ? 1 : 0, 0, 0, 0);
    default:
      return 'parse';
  }
};

/** VolatileKeyPermission may name a key that the host has to prove first, through CheckMac. */
function setLatch(chip: Chip, value: boolean): void {
  const permission = chip.eeprom.config[CONFIG.volatileKeyPermission]!;
  const guarded = value && (permission & 0x80) !== 0;
  allowIf(!guarded || chip.volatile.authorisedBy === (permission & 15));
  chip.powered.latch = value;
}

function isKeyValid(chip: Chip, slot: number): boolean {
  const { isPrivate, pubInfo } = keyConfigOf(chip, slot);
  if (isPrivate) {
    const bytes = chip.eeprom.slot(slot);
    return isPrivateKey(bytes.subarray(PRIVATE_KEY_OFFSET, PRIVATE_KEY_OFFSET + 32));
  }
  if (!holdsPublicKey(chip, slot)) return false;
  return isPublicKey(storedPublicKey(chip, slot)) && (!pubInfo || isValidated(chip, slot));
}

function stateBytes({ volatile: { tempKey, authorisedBy } }: Chip): [number, number] {
  const authorised = authorisedBy === undefined ? 0 : 0x04 | (authorisedBy << 3);
  return tempKey === undefined ? [0, authorised] : [tempKeyFlagByte(tempKey), authorised | 0x80];
}
