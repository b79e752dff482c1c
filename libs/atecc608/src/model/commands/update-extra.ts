import { CONFIG, isConfigLocked } from '../../configuration.js';
import { ZONE } from '../../zone.js';
import { allowIf, parseCheck, type Handler } from '../chip.js';

/**
 * UpdateExtra (20): writes UserExtra (mode 0) or UserExtraAdd (mode 1). Behind the configuration
 * lock each can be written once, while it is zero.
 */
export const updateExtra: Handler = (chip, { p1, p2, data }) => {
  parseCheck(p1 <= 1 && data.length === 0);
  const offset = p1 === 0 ? CONFIG.userExtra : CONFIG.userExtraAdd;
  const { config } = chip.eeprom;
  allowIf(!isConfigLocked(config) || config[offset] === 0);
  chip.eeprom.write(ZONE.config, 0, offset, Uint8Array.of(p2 & 0xff));
  return 'ok';
};
