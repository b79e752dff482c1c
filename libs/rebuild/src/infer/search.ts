import { recipeDigest, type Recipe } from '@touchstone/contract';
import { moduleDistance } from './distance.js';
import type { Choice, Proposal, Selection } from './proposal.js';

/** What one build came to. */
export interface Attempt {
  readonly recipe: Recipe;
  /** What it tried. */
  readonly of?: { readonly proposal: Proposal; readonly selection: Selection };
  readonly outcome: string;
  /** Sum over the modules; infinite when nothing was built. */
  readonly distance: number;
  /** By module name, its own distance and outcome; empty when nothing was built. */
  readonly modules: Readonly<Record<string, { distance: number; outcome: string }>>;
  /** Why nothing was built. */
  readonly failure?: string;
  /** SHA-256 of what was built, by module name. */
  readonly built: Readonly<Record<string, string>>;
}

export interface Built {
  readonly outcome: string;
  /** By module name; absent for what was not compared. */
  readonly outcomes?: Readonly<Record<string, string>>;
  readonly failure?: string;
  readonly built: ReadonlyMap<string, Uint8Array>;
  readonly claimed: ReadonlyMap<string, Uint8Array>;
  readonly digests: Readonly<Record<string, string>>;
}

/** Builds a recipe with the real engine. */
export type BuildRecipe = (recipe: Recipe) => Promise<Built>;

/** Remembers what was built, and stops at a number of builds. */
export class Trials {
  readonly attempts: Attempt[] = [];
  readonly #known = new Map<string, Attempt>();
  readonly #build: BuildRecipe;
  readonly #most: number;

  constructor(build: BuildRecipe, most: number) {
    this.#build = build;
    this.#most = most;
  }

  get spent(): boolean {
    return this.attempts.length >= this.#most;
  }

  /** Undefined when no more builds are allowed. */
  async attempt(recipe: Recipe, of?: Attempt['of']): Promise<Attempt | undefined> {
    const digest = recipeDigest(recipe);
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    if (this.spent) return undefined;
    const { outcome, outcomes = {}, failure, built, claimed, digests } = await this.#build(recipe);
    const modules = Object.fromEntries(
      recipe.modules.flatMap(({ name }) => {
        const [theirs, ours] = [claimed.get(name), built.get(name)];
        if (theirs === undefined || ours === undefined) return [];
        const distance = moduleDistance(theirs, ours);
        return [[name, { distance, outcome: outcomes[name] ?? outcome }]];
      }),
    );
    const attempt: Attempt = {
      ...{ recipe, outcome, modules, built: digests },
      distance: recipe.modules.reduce(
        (sum, { name }) => sum + (modules[name]?.distance ?? Infinity),
        0,
      ),
      ...(failure === undefined ? {} : { failure }),
      ...(of === undefined ? {} : { of }),
    };
    this.#known.set(digest, attempt);
    this.attempts.push(attempt);
    return attempt;
  }
}

/** How far one module is away, or all of them. */
export function distanceOf(attempt: Attempt, module: string | undefined): number {
  return module === undefined ? attempt.distance : (attempt.modules[module]?.distance ?? Infinity);
}

export interface Best {
  readonly selection: Selection;
  readonly attempt: Attempt;
}

/**
 * Tries the values of one choice after the other and keeps what comes closest, until bytes are
 * equal or nothing gets closer: options of a compiler change much of the same code apart from each
 * other, so a handful of builds finds what a list of all combinations would not in a day.
 *
 * @param module whose bytes count; those of all modules unless told
 */
export async function descend(
  proposal: Proposal,
  trials: Trials,
  module?: string,
): Promise<Best | undefined> {
  const { choices } = proposal;
  const far = (attempt: Attempt): number => distanceOf(attempt, module);
  let best: Best | undefined;
  const take = async (selection: Selection): Promise<void> => {
    const attempt = await trials.attempt(proposal.recipe(selection), { proposal, selection });
    if (attempt === undefined) return;
    if (best === undefined || far(attempt) < far(best.attempt)) best = { selection, attempt };
  };
  const current = (): Best | undefined => best;
  const distance = (known: Best | undefined): number =>
    known === undefined ? Infinity : far(known.attempt);
  await take(choices.map(() => 0));
  for (let round = 0; round < 3; round += 1) {
    const before = distance(current());
    for (const [index, choice] of choices.entries()) {
      for (const value of others(choice, current()?.selection[index] ?? 0)) {
        const known = current();
        if (distance(known) === 0 || trials.spent) return known;
        const from = known?.selection ?? choices.map(() => 0);
        await take(from.map((old, at) => (at === index ? value : old)));
      }
    }
    if (distance(current()) === before) break;
  }
  return current();
}

function others(choice: Choice, chosen: number): number[] {
  return choice.values.map((_, index) => index).filter((index) => index !== chosen);
}
