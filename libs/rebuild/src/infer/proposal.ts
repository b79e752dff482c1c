import type { Recipe } from '@touchstone/contract';
import type { FoundModule } from './find-modules.js';

/** One thing that has to be chosen, and what it may be, the likeliest first. */
export interface Choice {
  readonly name: string;
  readonly values: readonly Value[];
}

export interface Value {
  readonly label: string;
  readonly why: string;
}

/** Which value of each choice, by position. */
export type Selection = readonly number[];

/** A way in which modules may have been built, with what is not known of it left to choose. */
export interface Proposal {
  readonly toolchain: string;
  /** What is built; several when one recipe builds them together. */
  readonly modules: readonly FoundModule[];
  /** Why this way, and what is known of it. */
  readonly reasons: readonly string[];
  /** The first is always the toolchain's version. */
  readonly choices: readonly [Choice, ...Choice[]];
  /** The toolchain whose versions are bisected. */
  readonly versionsOf: string;
  /** @param modules those that the recipe is to build; all of them unless told */
  recipe(selection: Selection, modules?: readonly FoundModule[]): Recipe;
}

/** What a strategy makes of a publication. */
export interface Proposed {
  readonly proposals: readonly Proposal[];
  /** What it saw and could not make a recipe of. */
  readonly obstacles: readonly string[];
}

export function valueOf(choices: readonly Choice[], selection: Selection, name: string): string {
  const index = choices.findIndex((choice) => choice.name === name);
  return choices[index]?.values[selection[index] ?? 0]?.label ?? '';
}
