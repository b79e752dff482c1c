import { recipeDigest, type Recipe } from '@touchstone/contract';
import { moduleDistance } from './distance.js';
import type { Choice, Proposal, Selection } from './proposal.js';

/** What one build came to. */
export interface Attempt {
  readonly recipe: Recipe;
  readonly outcome: string;
  /** Sum over the modules; infinite when nothing was built. */
  readonly distance: number;
  /** Why nothing was built. */
  readonly failure?: string;
  /** SHA-256 of what was built, by module name. */
  readonly built: Readonly<Record<string, string>>;
}

export interface Built {
  readonly outcome: string;
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
  async attempt(recipe: Recipe): Promise<Attempt | undefined> {
    const digest = recipeDigest(recipe);
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    if (this.spent) return undefined;
    const { outcome, failure, built, claimed, digests } = await this.#build(recipe);
    const distances = recipe.modules.map(({ name }) => {
      const [theirs, ours] = [claimed.get(name), built.get(name)];
      return theirs === undefined || ours === undefined ? Infinity : moduleDistance(theirs, ours);
    });
    const attempt: Attempt = {
      ...{ recipe, outcome, built: digests },
      distance: distances.reduce((sum, distance) => sum + distance, 0),
      ...(failure === undefined ? {} : { failure }),
    };
    this.#known.set(digest, attempt);
    this.attempts.push(attempt);
    return attempt;
  }
}

export interface Best {
  readonly selection: Selection;
  readonly attempt: Attempt;
}

/**
 * Tries the values of one choice after the other and keeps what comes closest, until bytes are
 * equal or nothing gets closer: options of a compiler change much of the same code apart from each
 * other, so a handful of builds finds what a list of all combinations would not in a day.
 */
export async function descend(proposal: Proposal, trials: Trials): Promise<Best | undefined> {
  const { choices } = proposal;
  let best: Best | undefined;
  const take = async (selection: Selection): Promise<void> => {
    const attempt = await trials.attempt(proposal.recipe(selection));
    if (attempt === undefined) return;
    if (best === undefined || attempt.distance < best.attempt.distance)
      best = { selection, attempt };
  };
  const current = (): Best | undefined => best;
  await take(choices.map(() => 0));
  for (let round = 0; round < 3; round += 1) {
    const before = current()?.attempt.distance;
    for (const [index, choice] of choices.entries()) {
      for (const value of others(choice, current()?.selection[index] ?? 0)) {
        const known = current();
        if (known?.attempt.distance === 0 || trials.spent) return known;
        const from = known?.selection ?? choices.map(() => 0);
        await take(from.map((old, at) => (at === index ? value : old)));
      }
    }
    if (current()?.attempt.distance === before) break;
  }
  return current();
}

function others(choice: Choice, chosen: number): number[] {
  return choice.values.map((_, index) => index).filter((index) => index !== chosen);
}
