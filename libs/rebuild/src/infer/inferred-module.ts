import type { Recipe } from '@touchstone/contract';
import type { VersionRun } from './bisect.js';
import type { FoundModule } from './find-modules.js';
import type { Proposal, Selection } from './proposal.js';

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

/** A module with the way it was built, so that it can be put together with others. */
export interface Solved {
  readonly inferred: InferredModule;
  readonly proposal: Proposal;
  readonly selection: Selection;
  /** Of the toolchain, when bisection found another than the selection's. */
  readonly version?: string;
}
