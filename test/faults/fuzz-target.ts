import type { Random } from './fuzz-mutate.js';

/**
 * One kind of input from outside. A case makes an input and hands it to the parser; it answers
 * whether that was accepted, and throws when anything happened that must not.
 */
export interface FuzzTarget {
  readonly name: string;
  readonly run: (random: Random) => boolean | Promise<boolean>;
}
