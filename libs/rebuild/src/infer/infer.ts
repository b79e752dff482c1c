import type { Recipe, ToolchainName } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { RebuildReport } from '../rebuild.js';
import { sha256Hex } from '../source/integrity.js';
import { listToolchainLocks } from '../toolchain/lock-folders.js';
import { proposeAssemblyScript } from './assemblyscript.js';
import { bisectVersions, type VersionRun } from './bisect.js';
import { proposeClang } from './clang.js';
import type { Clues } from './clues.js';
import { collectCommands } from './command-lines/collect-commands.js';
import type { FoundModule } from './find-modules.js';
import { proposeGo } from './go.js';
import { seeOtherCompilers } from './other-compilers.js';
import type { Choice, Proposal, Proposed, Selection } from './proposal.js';
import { proposeRust } from './rust.js';
import { descend, distanceOf, Trials, type Attempt, type Best } from './search.js';
import type { InferredModule, Solved } from './inferred-module.js';
import { combine } from './together.js';
import { sortVersions } from './toolchain-choice.js';
import { proposeWat } from './wat.js';

export interface InferOptions {
  /** Builds a recipe, its toolchain's lock seen to; without it nothing is tried. */
  readonly build?: (recipe: Recipe) => Promise<RebuildReport>;
  /** Toolchains that there are locks of; those that come along unless told. */
  readonly toolchains?: readonly ToolchainName[];
  /** Every version of a toolchain that can be had; without it versions are not bisected. */
  readonly versions?: (toolchain: string) => Promise<Iterable<string>>;
  /** Builds in all; 48 unless told. */
  readonly most?: number;
  readonly onAttempt?: (line: string) => void;
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
  const strategies = await strategiesOf(clues, options);
  const proposals = strategies.flatMap((proposed) => proposed.proposals);
  const obstacles = strategies.flatMap((proposed) => proposed.obstacles);
  const trials = new Trials((recipe) => attempt(recipe, options), options.most ?? MOST_BUILDS);
  const solved: Solved[] = [];
  const unexplained: FoundModule[] = [];
  for (const module of clues.modules) {
    const own = proposals.filter((proposal) => proposal.modules.includes(module));
    const best = await bestOf(module, own, trials, options);
    if (best === undefined) unexplained.push(module);
    else solved.push(best);
  }
  const left = { ...clues, modules: unexplained };
  if (unexplained.length > 0) obstacles.push(...seeOtherCompilers(left).obstacles);
  const settled = solved.map((one) => settle(one, trials));
  const modules = settled.map(({ inferred }) => inferred);
  const recipe = combine(settled);
  const builds = trials.attempts.length;
  return { modules, unexplained, obstacles, builds, ...(recipe === undefined ? {} : { recipe }) };
}

async function strategiesOf(
  clues: Clues,
  { toolchains }: InferOptions,
): Promise<readonly Proposed[]> {
  const available = toolchains ?? (await listToolchainLocks()).map(({ lock }) => lock);
  const told = collectCommands(clues);
  return [
    proposeWat(clues),
    proposeAssemblyScript(clues),
    proposeGo(clues, told, available),
    proposeRust(clues, told, available),
    proposeClang(clues, told, available),
  ];
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
    const outcomes = Object.fromEntries(
      predicate.modules.map((module) => [module.name, module.outcome]),
    );
    const said = failure === undefined ? {} : { failure: `${failure.code}: ${failure.message}` };
    return { outcome, outcomes, built, claimed, digests, ...said };
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
): Promise<Solved | undefined> {
  const [first] = proposals;
  if (first === undefined) return undefined;
  const untried: Solved = {
    inferred: {
      module,
      outcome: 'untried',
      ...explained(
        first,
        first.choices.map(() => 0),
        module,
      ),
    },
    proposal: first,
    selection: first.choices.map(() => 0),
  };
  if (options.build === undefined) return untried;
  let best: { proposal: Proposal; found: Best } | undefined;
  const far = ({ attempt: tried }: Best): number => distanceOf(tried, module.name);
  for (const proposal of proposals) {
    const found = await descend(proposal, trials, module.name);
    if (found === undefined) continue;
    if (best === undefined || far(found) < far(best.found)) best = { proposal, found };
    if (far(found) === 0) break;
  }
  if (best === undefined) return untried;
  const { proposal, found } = best;
  const inferred = describe(module, proposal, found);
  const solved = { inferred, proposal, selection: found.selection };
  if (options.versions === undefined) return solved;
  return withVersions(solved, found.attempt.recipe, trials, options.versions);
}

/**
 * Several versions may build a module's bytes. The one that builds most of the others too is the
 * likelier, and gives one recipe instead of several.
 */
function settle(solved: Solved, trials: Trials): Solved {
  const { module } = solved.inferred;
  if (solved.inferred.distance !== 0 || solved.version !== undefined) return solved;
  const reproduces = ({ modules }: Attempt): number =>
    Object.values(modules).filter(({ distance }) => distance === 0).length;
  let best: Attempt | undefined;
  for (const attempt of trials.attempts)
    if (attempt.of !== undefined && attempt.modules[module.name]?.distance === 0)
      if (best === undefined || reproduces(attempt) > reproduces(best)) best = attempt;
  if (best?.of === undefined) return solved;
  const { versions } = solved.inferred;
  const inferred = describe(module, best.of.proposal, {
    selection: best.of.selection,
    attempt: best,
  });
  return { ...best.of, inferred: { ...inferred, ...(versions === undefined ? {} : { versions }) } };
}

function describe(
  module: FoundModule,
  proposal: Proposal,
  { selection, attempt: tried }: Best,
): InferredModule {
  const own = tried.modules[module.name];
  const outcome = OUTCOMES.find((known) => known === (own?.outcome ?? tried.outcome)) ?? 'failed';
  return {
    module,
    outcome,
    ...explained(proposal, selection, module),
    ...(own === undefined ? {} : { distance: own.distance }),
    ...(tried.failure === undefined ? {} : { failure: tried.failure }),
  };
}

function explained(
  proposal: Proposal,
  selection: Selection,
  module: FoundModule,
): Pick<InferredModule, 'recipe' | 'reasons' | 'choices'> {
  const chosen = (choice: Choice, index: number): { name: string; value: string; why: string } => {
    const { label = '', why = '' } = choice.values[selection[index] ?? 0] ?? {};
    return { name: choice.name, value: label, why };
  };
  return {
    recipe: proposal.recipe(selection, [module]),
    reasons: proposal.reasons,
    choices: proposal.choices.map(chosen),
  };
}

/** The same recipe under other versions; the closest one is kept. */
async function withVersions(
  solved: Solved,
  built: Recipe,
  trials: Trials,
  versions: (toolchain: string) => Promise<Iterable<string>>,
): Promise<Solved> {
  const { inferred, proposal } = solved;
  const { name } = inferred.module;
  const all = sortVersions(await versions(proposal.versionsOf));
  const runs = await bisectVersions(built, all, trials, name);
  const closest = runs.reduce<VersionRun | undefined>(
    (best, run) => (best === undefined || run.distance < best.distance ? run : best),
    undefined,
  );
  if (closest === undefined || closest.distance >= (inferred.distance ?? Infinity))
    return { ...solved, inferred: { ...inferred, versions: runs } };
  const toolchain = { ...inferred.recipe.toolchain, version: closest.from };
  const recipe = { ...inferred.recipe, toolchain };
  const tried = trials.attempts.find(
    (one) =>
      one.recipe.toolchain.version === closest.from && distanceOf(one, name) === closest.distance,
  );
  const choices = inferred.choices.map((choice, index) =>
    index === 0 ? { ...choice, value: closest.from, why: 'found by bisection' } : choice,
  );
  const outcome =
    OUTCOMES.find((known) => known === tried?.modules[name]?.outcome) ?? inferred.outcome;
  return {
    ...solved,
    version: closest.from,
    inferred: { ...inferred, recipe, choices, outcome, versions: runs, distance: closest.distance },
  };
}
