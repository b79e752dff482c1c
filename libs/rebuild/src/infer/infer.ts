import type { Recipe } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { RebuildReport } from '../rebuild.js';
import { sha256Hex } from '../source/integrity.js';
import { proposeAssemblyScript } from './assemblyscript.js';
import { bisectVersions, sortVersions, type VersionRun } from './bisect.js';
import type { Clues } from './clues.js';
import type { FoundModule } from './find-modules.js';
import { seeOtherCompilers } from './other-compilers.js';
import type { Choice, Proposal, Selection } from './proposal.js';
import { descend, Trials, type Best } from './search.js';
import { proposeWat } from './wat.js';

export interface InferOptions {
  /** Builds a recipe, its toolchain's lock seen to; without it nothing is tried. */
  readonly build?: (recipe: Recipe) => Promise<RebuildReport>;
  /** Every version of a package of the registry; without it versions are not bisected. */
  readonly versions?: (packageName: string) => Promise<Iterable<string>>;
  /** Builds in all; 48 unless told. */
  readonly most?: number;
  readonly onAttempt?: (line: string) => void;
}

export interface InferredModule {
  readonly module: FoundModule;
  readonly outcome: 'reproduced' | 'equivalent' | 'different' | 'failed' | 'untried';
  readonly recipe: Recipe;
  readonly reasons: readonly string[];
  readonly choices: readonly {
    readonly name: string;
    readonly value: string;
    readonly why: string;
  }[];
  /** How far the best build is away, see moduleDistance; absent when nothing was built. */
  readonly distance?: number;
  readonly failure?: string;
  readonly versions?: readonly VersionRun[];
}

export interface Inference {
  readonly modules: readonly InferredModule[];
  /** Modules that there is no recipe for. */
  readonly unexplained: readonly FoundModule[];
  /** All modules whose recipes go together, as one recipe. */
  readonly recipe?: Recipe;
  readonly obstacles: readonly string[];
  readonly builds: number;
}

const MOST_BUILDS = 48;
const OUTCOMES = ['reproduced', 'equivalent', 'different', 'failed', 'untried'] as const;

/**
 * Proposes recipes from what a package holds and, when it may build, tries them in order of
 * likelihood. What it answers is only a recipe: whoever rebuilds it trusts nothing of this.
 */
export async function inferRecipes(clues: Clues, options: InferOptions = {}): Promise<Inference> {
  const strategies = [proposeWat(clues), proposeAssemblyScript(clues)];
  const proposals = strategies.flatMap((proposed) => proposed.proposals);
  const obstacles = strategies.flatMap((proposed) => proposed.obstacles);
  const trials = new Trials((recipe) => attempt(recipe, options), options.most ?? MOST_BUILDS);
  const modules: InferredModule[] = [];
  const unexplained: FoundModule[] = [];
  for (const module of clues.modules) {
    const own = proposals.filter((proposal) => proposal.modules.includes(module));
    const best = await bestOf(module, own, trials, options);
    if (best === undefined) unexplained.push(module);
    else modules.push(best);
  }
  const left = { ...clues, modules: unexplained };
  if (unexplained.length > 0) obstacles.push(...seeOtherCompilers(left).obstacles);
  const recipe = together(modules);
  const builds = trials.attempts.length;
  return { modules, unexplained, obstacles, builds, ...(recipe === undefined ? {} : { recipe }) };
}

async function attempt(
  recipe: Recipe,
  { build, onAttempt }: InferOptions,
): ReturnType<ConstructorParameters<typeof Trials>[0]> {
  if (build === undefined) throw new Error('nothing may be built');
  const none = { built: new Map<string, Uint8Array>(), claimed: new Map<string, Uint8Array>() };
  const line = `${recipe.toolchain.name} ${recipe.toolchain.version}: ${recipe.steps.map(({ run }) => run.join(' ')).join('; ')}`;
  try {
    const { predicate, built, claimed } = await build(recipe);
    onAttempt?.(`${predicate.outcome}  ${line}`);
    const digests = Object.fromEntries([...built].map(([name, bytes]) => [name, sha256Hex(bytes)]));
    const { failure, outcome } = predicate;
    const said = failure === undefined ? {} : { failure: `${failure.code}: ${failure.message}` };
    return { outcome, built, claimed, digests, ...said };
  } catch (error) {
    // A version that cannot be had, or no longer locked, is one that is passed over.
    if (!(error instanceof RebuildError) || error.code === 'aborted') throw error;
    onAttempt?.(`unavailable  ${line}`);
    return {
      ...none,
      outcome: 'unavailable',
      failure: `${error.code}: ${error.message}`,
      digests: {},
    };
  }
}

async function bestOf(
  module: FoundModule,
  proposals: readonly Proposal[],
  trials: Trials,
  options: InferOptions,
): Promise<InferredModule | undefined> {
  const [first] = proposals;
  if (first === undefined) return undefined;
  if (options.build === undefined) {
    const selection = first.choices.map(() => 0);
    return { module, outcome: 'untried', ...explained(first, selection) };
  }
  let best: { proposal: Proposal; found: Best } | undefined;
  for (const proposal of proposals) {
    const found = await descend(proposal, trials);
    if (found === undefined) continue;
    if (best === undefined || found.attempt.distance < best.found.attempt.distance)
      best = { proposal, found };
    if (found.attempt.distance === 0) break;
  }
  if (best === undefined)
    return {
      module,
      outcome: 'untried',
      ...explained(
        first,
        first.choices.map(() => 0),
      ),
    };
  const inferred = describe(module, best.proposal, best.found);
  return options.versions === undefined
    ? inferred
    : withVersions(inferred, best.proposal, trials, options.versions);
}

function describe(
  module: FoundModule,
  proposal: Proposal,
  { selection, attempt: tried }: Best,
): InferredModule {
  const outcome = OUTCOMES.find((known) => known === tried.outcome) ?? 'failed';
  return {
    module,
    outcome,
    ...explained(proposal, selection),
    ...(tried.distance === Infinity ? {} : { distance: tried.distance }),
    ...(tried.failure === undefined ? {} : { failure: tried.failure }),
  };
}

function explained(
  proposal: Proposal,
  selection: Selection,
): Pick<InferredModule, 'recipe' | 'reasons' | 'choices'> {
  const chosen = (choice: Choice, index: number): { name: string; value: string; why: string } => {
    const { label = '', why = '' } = choice.values[selection[index] ?? 0] ?? {};
    return { name: choice.name, value: label, why };
  };
  return {
    recipe: proposal.recipe(selection),
    reasons: proposal.reasons,
    choices: proposal.choices.map(chosen),
  };
}

/** The same recipe under other versions; the closest one is kept. */
async function withVersions(
  inferred: InferredModule,
  proposal: Proposal,
  trials: Trials,
  versions: (packageName: string) => Promise<Iterable<string>>,
): Promise<InferredModule> {
  const all = sortVersions(await versions(proposal.versionsOf));
  const runs = await bisectVersions(inferred.recipe, all, trials);
  const closest = runs.reduce<VersionRun | undefined>(
    (best, run) => (best === undefined || run.distance < best.distance ? run : best),
    undefined,
  );
  if (closest === undefined || closest.distance >= (inferred.distance ?? Infinity))
    return { ...inferred, versions: runs };
  const toolchain = { ...inferred.recipe.toolchain, version: closest.from };
  const recipe = { ...inferred.recipe, toolchain };
  const tried = trials.attempts.find(
    (one) => one.recipe.toolchain.version === closest.from && one.distance === closest.distance,
  );
  const choices = inferred.choices.map((choice, index) =>
    index === 0 ? { ...choice, value: closest.from, why: 'found by bisection' } : choice,
  );
  return {
    ...inferred,
    ...{ recipe, choices, versions: runs, distance: closest.distance },
    outcome: OUTCOMES.find((known) => known === tried?.outcome) ?? inferred.outcome,
  };
}

/** One recipe for all modules that one toolchain builds in one folder. */
function together(modules: readonly InferredModule[]): Recipe | undefined {
  const [first] = [...modules].sort(
    (a, b) => OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome),
  );
  if (first === undefined) return undefined;
  const same = modules.filter(
    ({ recipe, outcome }) =>
      outcome === first.outcome &&
      JSON.stringify([recipe.toolchain, recipe.workdir, recipe.source]) ===
        JSON.stringify([first.recipe.toolchain, first.recipe.workdir, first.recipe.source]),
  );
  const outputs = same.flatMap(({ recipe }) => recipe.modules.map(({ output }) => output));
  if (new Set(outputs).size !== outputs.length) return first.recipe;
  return {
    ...first.recipe,
    steps: same.flatMap(({ recipe }) => recipe.steps),
    modules: same.flatMap(({ recipe }) => recipe.modules),
  };
}
