import { recipeDigest, type Recipe } from '@touchstone/contract';
import type { Solved } from './inferred-module.js';

const ORDER = ['reproduced', 'equivalent', 'different', 'failed', 'untried'];

/** One recipe for all modules that one toolchain builds in one folder, the best outcome's first. */
export function combine(solved: readonly Solved[]): Recipe | undefined {
  const [first] = solved.toSorted(
    (a, b) => ORDER.indexOf(a.inferred.outcome) - ORDER.indexOf(b.inferred.outcome),
  );
  if (first === undefined) return undefined;
  const key = surroundings(first.inferred.recipe);
  const same = solved.filter(
    ({ inferred: { recipe, outcome } }) =>
      outcome === first.inferred.outcome && surroundings(recipe) === key,
  );
  const recipes = groups(same).map(recipeOf);
  const outputs = recipes.flatMap(({ modules }) => modules.map(({ output }) => output));
  if (new Set(outputs).size !== outputs.length) return recipeOf([first]);
  const steps = recipes.flatMap((recipe) => recipe.steps);
  const distinct = new Map(steps.map((step) => [JSON.stringify(step), step]));
  const [some] = recipes;
  if (some === undefined) return undefined;
  return {
    ...some,
    steps: [...distinct.values()],
    modules: recipes.flatMap(({ modules }) => modules),
  };
}

/** Those of one proposal with the same choices: it writes one recipe for them itself. */
function groups(solved: readonly Solved[]): Solved[][] {
  const byChoice: Solved[][] = [];
  for (const one of solved) {
    const group = byChoice.find(
      ([other]) =>
        other?.proposal === one.proposal &&
        other.version === one.version &&
        other.selection.join() === one.selection.join(),
    );
    if (group === undefined) byChoice.push([one]);
    else group.push(one);
  }
  return byChoice;
}

function recipeOf(group: readonly Solved[]): Recipe {
  const [first] = group;
  if (first === undefined) throw new Error('a group of no modules');
  const modules = group.map(({ inferred }) => inferred.module);
  const recipe = first.proposal.recipe(first.selection, modules);
  if (first.version === undefined) return recipe;
  return { ...recipe, toolchain: { ...recipe.toolchain, version: first.version } };
}

/** All of a recipe that its steps and modules do not say. */
function surroundings(recipe: Recipe): string {
  return recipeDigest({ ...recipe, steps: [], modules: [] });
}
