import type { Variation } from '@touchstone/attest';
import { RebuildError, outcomeOfFailure } from '../errors.js';
import { together, type Circumstances, type Dimension } from './circumstances.js';

/** By module name. */
export type Built = ReadonlyMap<string, Uint8Array>;
export type Build = (circumstances: Circumstances, milliseconds: number) => Promise<Built>;

/** The first build, the same again, all varied, and what it takes to find two or three culprits. */
const MAX_BUILDS = 32;
const MAX_DETAIL = 512;

export interface VaryBounds {
  /** For all builds together. */
  readonly milliseconds: number;
  /** Milliseconds on any clock that only goes forward. */
  readonly now: () => number;
}

type Answer = 'same' | 'other' | RebuildError;

/**
 * Builds again with nothing varied, and again with everything varied; where that gives other bytes,
 * halves the circumstances until it is known which of them do.
 *
 * A build that fails under a variation is no other bytes: that circumstance counts as not applied.
 * A search that is cut short says so, and calls nothing deterministic.
 *
 * @throws RebuildError that is no fault of the build, as `rebuild` does
 */
export async function varyBuild(
  first: Built,
  dimensions: readonly Dimension[],
  build: Build,
  bounds: VaryBounds,
): Promise<Variation> {
  const search = new Search(first, build, bounds);
  const possible = dimensions.filter(({ circumstances }) => circumstances !== undefined);
  const again = await search.ask([]);
  if (again instanceof RebuildError && !search.spent)
    search.incomplete = `the same build again failed: ${again.code}`;
  const unstable = again === 'other';
  if (again === 'same') await search.find(possible);
  if (search.modules.size > 0 && !unstable && search.changing.size === 0 && !search.spent)
    search.incomplete = 'what changes the bytes could not be told apart from what breaks the build';
  const tried = (name: string): boolean =>
    again === 'same' && !search.untold.has(name) && possible.some((each) => each.name === name);
  const varied = dimensions.map(({ name, detail }) => {
    const broken = search.broken.get(name);
    return {
      name,
      applied: broken === undefined && tried(name),
      changes: search.changing.has(name),
      detail: (broken ?? search.changing.get(name) ?? search.untold.get(name) ?? detail).slice(
        0,
        MAX_DETAIL,
      ),
    };
  });
  return {
    builds: search.builds,
    deterministic: search.modules.size === 0 && search.incomplete === undefined,
    unstable,
    varied,
    modules: [...search.modules].sort(),
    ...(search.incomplete === undefined ? {} : { incomplete: search.incomplete }),
  };
}

class Search {
  builds = 1;
  readonly modules = new Set<string>();
  /** With what else they were varied, where they do it only together. */
  readonly changing = new Map<string, string>();
  readonly broken = new Map<string, string>();
  /** Of which it was not found out by themselves what they do. */
  readonly untold = new Map<string, string>();
  incomplete: string | undefined;
  readonly #end: number;

  constructor(
    private readonly first: Built,
    private readonly build: Build,
    private readonly bounds: VaryBounds,
  ) {
    this.#end = bounds.now() + bounds.milliseconds;
  }

  /** Whether nothing more may be built. */
  get spent(): boolean {
    if (this.bounds.now() >= this.#end) {
      const seconds = Math.round(this.bounds.milliseconds / 1000);
      this.incomplete ??= `the time for it was up: ${seconds} s`;
    } else if (this.builds >= MAX_BUILDS)
      this.incomplete ??= `it took more than ${MAX_BUILDS} builds`;
    return this.incomplete !== undefined;
  }

  async ask(dimensions: readonly Dimension[]): Promise<Answer> {
    this.builds += 1;
    let built: Built;
    try {
      built = await this.build(together(dimensions), Math.max(1, this.#end - this.bounds.now()));
    } catch (error) {
      if (error instanceof RebuildError && outcomeOfFailure(error) !== undefined) return error;
      throw error;
    }
    let answer: Answer = 'same';
    for (const [name, bytes] of this.first) {
      if (Buffer.compare(bytes, built.get(name) ?? new Uint8Array()) === 0) continue;
      this.modules.add(name);
      answer = 'other';
    }
    return answer;
  }

  /** @returns whether these, varied together, do anything */
  async find(dimensions: readonly Dimension[]): Promise<boolean> {
    if (dimensions.length === 0) return false;
    const answer = this.spent ? undefined : await this.ask(dimensions);
    if (answer === 'same') return false;
    // A build that its time ran out in says nothing of what was varied in it.
    if (answer === undefined || (answer instanceof RebuildError && this.spent)) {
      for (const { name } of dimensions) this.untold.set(name, 'not told apart from the others');
      return false;
    }
    const [only] = dimensions;
    if (dimensions.length === 1 && only !== undefined) {
      if (answer === 'other') this.changing.set(only.name, only.detail);
      else this.broken.set(only.name, `the build fails under it: ${answer.code}`);
      return true;
    }
    const middle = dimensions.length >> 1;
    const halves = [dimensions.slice(0, middle), dimensions.slice(middle)];
    let found = false;
    for (const half of halves) found = (await this.find(half)) || found;
    if (!found && answer === 'other' && this.incomplete === undefined) {
      // Neither half does it: only some of both at once.
      const names = dimensions.map(({ name }) => name).join(', ');
      for (const { name } of dimensions) this.changing.set(name, `only together: ${names}`);
    }
    return true;
  }
}
