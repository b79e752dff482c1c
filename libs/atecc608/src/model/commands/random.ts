import { isConfigLocked } from '../../configuration.js';
import { parseCheck, type Chip, type Handler } from '../chip.js';

/** Until the configuration is locked the generator gives this pattern, so that nobody relies on it. */
const PATTERN = Uint8Array.from({ length: 32 }, (_, i) => (i % 4 < 2 ? 0xff : 0x00));

/** 32 bytes of the chip's generator, as Random, Nonce, and every nonce of the chip itself take them. */
export function chipRandom(chip: Chip): Uint8Array {
  return isConfigLocked(chip.eeprom.config) ? chip.random(32) : PATTERN.slice();
}

/** Random (1B): 32 bytes. Whether the seed is updated (mode 0 or 1) makes no difference here. */
export const random: Handler = (chip, { p1, p2, data }) => {
  parseCheck(p1 <= 1 && p2 === 0 && data.length === 0);
  return chipRandom(chip);
};
