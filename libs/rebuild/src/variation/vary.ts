import type { Variation } from '@touchstone/attest';
import { RebuildError, outcomeOfFailure } from '../errors.js';
import { together, type Circumstances, type Dimension } from './circumstances.js';

/** By module name. */
export type Built = ReadonlyMap<string, Uint8Array>;
export type Build = (circumstances: Circumstances) => Promise<Built>;

/** The first build, the same again, all varied, and what it takes to find two or three culprits. */
const MAX_BUILDS = 32;
const MAX_DETAIL = 512;

type Answer = 'same' | 'other' | RebuildError;

/**
 * Builds again with nothing varied, and again with everything varied; where that gives other bytes,
 * halves the circumstances until it is known which of them do.
 *
 * A build that fails under a variation is no other bytes: that circumstance counts as not applied.
 *
 * @throws RebuildError that is no fault of the build, as `rebuild` does
 */
export async function varyBuild(
  first: Built,
  dimensions: readonly Dimension[],
  build: Build,
): Promise<Variation> {
  const search = new Search(first, build);
  const possible = dimensions.filter(({ circumstances }) => circumstances !== undefined);
  const unstable = (await search.ask([])) !== 'same';
  if (!unstable) await search.find(possible);
  const varied = dimensions.map(({ name, detail }) => {
    const broken = search.broken.get(name);
    return {
      name,
      applied: !unstable && broken === undefined && possible.some((each) => each.name === name),
      changes: search.changing.has(name),
      detail: (broken ?? search.changing.get(name) ?? detail).slice(0, MAX_DETAIL),
    };
  });
  return {
    builds: search.builds,
    deterministic: !unstable && search.changing.size === 0,
    unstable,
    varied,
    modules: [...search.modules].sort(),
  };
}

class Search {
  builds = 1;
  readonly modules = new Set<string>();
  /** With what else they were varied, where they do it only together. */
  readonly changing = new Map<string, string>();
  readonly broken = new Map<string, string>();

  constructor(
    private readonly first: Built,
    private readonly build: Build,
  ) {}

  async ask(dimensions: readonly Dimension[]): Promise<Answer> {
    this.builds += 1;
    let built: Built;
    try {
      built = await this.build(together(dimensions));
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
    if (dimensions.length === 0 || this.builds >= MAX_BUILDS) return false;
    const answer = await this.ask(dimensions);
    if (answer === 'same') return false;
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
    if (!found && answer === 'other') {
      // Neither half does it: only some of both at once.
      const names = dimensions.map(({ name }) => name).join(', ');
      for (const { name } of dimensions) this.changing.set(name, `only together: ${names}`);
    }
    return true;
  }
}
