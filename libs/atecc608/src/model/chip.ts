import type { Command } from '../frame.js';
import type { StatusName } from '../status.js';
import type { Eeprom } from './eeprom.js';
import type { Volatile } from './volatile.js';

/** Gives `length` unpredictable bytes, or predictable ones in a test. */
export type RandomSource = (length: number) => Uint8Array;

/** Everything a command may look at and change. */
export interface Chip {
  readonly eeprom: Eeprom;
  readonly volatile: Volatile;
  /** What is kept through sleep and lost when the power goes. */
  readonly powered: { latch: boolean; secureBootProhibited: boolean; useUnlocked: boolean };
  readonly random: RandomSource;
}

/** What a command answers: a status, or data. */
export type Answer = StatusName | Uint8Array;

export type Handler = (chip: Chip, command: Command) => Answer;

/** Ends a command with a status other than ok. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(readonly status: Exclude<StatusName, 'ok'>) {
    super(status);
  }
}

/** The parameters are not ones that this command knows: status 03. */
export function parseCheck(condition: boolean): asserts condition {
  if (!condition) throw new Refusal('parse');
}

/** The command is known but not allowed in this state: status 0F. */
export function allowIf(condition: boolean): asserts condition {
  if (!condition) throw new Refusal('execution');
}
