import { parseCheck, type Handler } from '../chip.js';

const ALL = 0x3b;
/** The flag that asks for ECDSA's test beside the ones of ALL, as the vendor's library numbers it. */
const ECDSA = 0x04;

/** SelfTest (77): one byte of failures, a bit for each test asked for. This model has none. */
export const selfTest: Handler = (_chip, { p1, p2, data }) => {
  parseCheck((p1 & ~(ALL | ECDSA)) === 0 && p2 === 0 && data.length === 0);
  return Uint8Array.of(0);
};
