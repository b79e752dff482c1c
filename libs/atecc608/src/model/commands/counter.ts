import { u32le } from '../../bytes.js';
import { parseCheck, type Handler } from '../chip.js';
import { incrementCounter, readCounter } from '../counters.js';

/** Counter (24): reads (mode 0) or steps (mode 1) counter 0 or 1; four bytes, little endian. */
export const counter: Handler = (chip, { p1, p2, data }) => {
  parseCheck(p1 <= 1 && p2 <= 1 && data.length === 0);
  return u32le(p1 === 0 ? readCounter(chip, p2) : incrementCounter(chip, p2));
};
