import type { Recipe } from '@touchstone/contract';
import { distanceOf, type Attempt, type Trials } from './search.js';

export interface VersionRun {
  readonly from: string;
  readonly to: string;
  /** Digests of what these versions build, as one text; undefined when they build nothing. */
  readonly output: string | undefined;
  readonly distance: number;
}

/**
 * Which versions of a toolchain build which bytes: the ends first, then the middle of every stretch
 * whose ends differ. Versions between two that build the same bytes are taken to build them too.
 *
 * @param versions in order, oldest first
 * @param module whose bytes count; those of all modules unless told
 */
export async function bisectVersions(
  recipe: Recipe,
  versions: readonly string[],
  trials: Trials,
  module?: string,
): Promise<VersionRun[]> {
  const known = new Map<number, Attempt>();
  const at = async (index: number): Promise<Attempt | undefined> => {
    const version = versions[index];
    if (version === undefined) return undefined;
    const held = known.get(index);
    if (held !== undefined) return held;
    const toolchain = { ...recipe.toolchain, version };
    const attempt = await trials.attempt({ ...recipe, toolchain });
    if (attempt !== undefined) known.set(index, attempt);
    return attempt;
  };
  const split = async (low: number, high: number): Promise<void> => {
    const [first, last] = [await at(low), await at(high)];
    if (first === undefined || last === undefined || high - low < 2) return;
    if (outputOf(first, module) === outputOf(last, module)) return;
    const middle = (low + high) >> 1;
    await split(low, middle);
    await split(middle, high);
  };
  const own = versions.indexOf(recipe.toolchain.version);
  // Newer ones first: they are the likelier to be asked about when builds run out.
  await split(Math.max(0, own), versions.length - 1);
  await split(0, Math.max(0, own));
  return runsOf(versions, known, module);
}

function runsOf(
  versions: readonly string[],
  known: ReadonlyMap<number, Attempt>,
  module: string | undefined,
): VersionRun[] {
  const runs: VersionRun[] = [];
  for (const [index, attempt] of [...known].sort(([a], [b]) => a - b)) {
    const version = versions[index] ?? '';
    const output = outputOf(attempt, module);
    const last = runs.at(-1);
    if (last !== undefined && last.output === output)
      runs[runs.length - 1] = { ...last, to: version };
    else runs.push({ from: version, to: version, output, distance: distanceOf(attempt, module) });
  }
  return runs;
}

function outputOf({ built, distance }: Attempt, module: string | undefined): string | undefined {
  if (module !== undefined) return built[module];
  return distance === Infinity ? undefined : JSON.stringify(built);
}
