import { CONFIG } from '../configuration.js';
import {
  activeHalf,
  BASE,
  COUNTER_MAX,
  decodeCounter,
  encodeCounter,
  TALLY,
} from '../counter-encoding.js';
import { ZONE } from '../zone.js';
import { allowIf, type Chip } from './chip.js';

const SIZE = 8;

export function readCounter(chip: Chip, counter: number): number {
  return decodeCounter(stored(chip, counter));
}

/**
 * One step, refused at the end (2,097,151). In crash order: (1) the half that will carry the new
 * value is brought to where the old value wants it, tally first, so that its base is never read
 * half written; (2) one bit of its tally is cleared: this byte is the step; (3) the other half is
 * set up for its next turn, tally first. Power lost before (2) leaves the old value, after it the
 * new one, and the next step repeats what was left undone. How silicon does it is not public.
 */
export function incrementCounter(chip: Chip, counter: number): number {
  const value = readCounter(chip, counter);
  allowIf(value < COUNTER_MAX);
  const next = value + 1;
  const active = activeHalf(next);
  settle(chip, counter, active, encodeCounter(value));
  settle(chip, counter, active, encodeCounter(next));
  settle(chip, counter, active === 0 ? 1 : 0, encodeCounter(next));
  return next;
}

/** Writes the bytes of a half that differ from `wanted` (all eight), tally before base. */
function settle(chip: Chip, counter: number, half: 0 | 1, wanted: Uint8Array): void {
  for (const offset of [TALLY[half], TALLY[half] + 1, BASE[half], BASE[half] + 1]) {
    const at = CONFIG.counters + counter * SIZE + offset;
    if (chip.eeprom.config[at] !== wanted[offset]) {
      chip.eeprom.write(ZONE.config, 0, at, wanted.slice(offset, offset + 1));
    }
  }
}

function stored(chip: Chip, counter: number): Uint8Array {
  const at = CONFIG.counters + counter * SIZE;
  return chip.eeprom.config.subarray(at, at + SIZE);
}
