import { AttestError } from './errors.js';
import type { ModuleOutcome, Outcome, RebuildPredicate } from './rebuild-predicate.js';
import type { Policy } from './trust-root.js';

/**
 * What k of n organisations come to.
 *
 * - `reproduced`: at least k say so, and none says different
 * - `disputed`: they contradict one another
 * - `different`: at least k say so, and none says reproduced
 * - `pending`: neither, but organisations that have not spoken could still make k
 * - `insufficient`: neither, and they could not
 */
export type Verdict = 'reproduced' | 'disputed' | 'different' | 'pending' | 'insufficient';

/** Who may vote, and how many must agree. Votes of anyone else are not counted. */
export interface Electorate {
  readonly organisations: readonly string[];
  /** Those of them of whom nothing more is to be expected; their votes count all the same. */
  readonly retired?: readonly string[];
  readonly policy: Policy;
}

/** What one organisation said of one module; `failed` and `unavailable` when it got no further. */
export interface ModuleVote {
  readonly organisation: string;
  readonly outcome: Outcome;
}

/** One rebuild, as far as it counts. */
export interface RebuildVote {
  readonly organisation: string;
  readonly outcome: Outcome;
  readonly modules: readonly {
    readonly name: string;
    /** Hex SHA-256 of the module as published. */
    readonly digest: string;
    readonly size: number;
    readonly outcome: ModuleOutcome;
  }[];
}

export interface ModuleReport {
  readonly name: string;
  /** Hex SHA-256 and bytes of the module as published; absent when nobody got so far. */
  readonly digest?: string;
  readonly size?: number;
  readonly verdict: Verdict;
  /** Distinct ones of enrolled organisations, sorted; a failure that was made good is left out. */
  readonly votes: readonly ModuleVote[];
}

export interface PublicationReport {
  readonly verdict: Verdict;
  /** In the order of the module names given. A module published in two forms has two rows. */
  readonly modules: readonly ModuleReport[];
}

/** The vote that a rebuild statement is. A rebuild that failed midway votes on no module. */
export function voteOf(organisation: string, predicate: RebuildPredicate): RebuildVote {
  const modules = isFailure(predicate.outcome) ? [] : predicate.modules;
  return {
    organisation,
    outcome: predicate.outcome,
    modules: modules.map(({ name, outcome, claimed }) => ({
      name,
      digest: claimed.digest.sha256,
      size: claimed.size,
      outcome,
    })),
  };
}

/**
 * The verdict on one module of one digest. Votes are counted by organisation, however many keys,
 * rebuilders or statements it has; one that says both reproduced and different disputes itself.
 */
export function moduleVerdict(votes: readonly ModuleVote[], electorate: Electorate): Verdict {
  const { quorum, acceptEquivalent } = checkPolicy(electorate);
  const enrolled = new Set(electorate.organisations);
  const spoken = new Set<string>();
  const approving = new Set<string>();
  const denying = new Set<string>();
  for (const { organisation, outcome } of votes) {
    if (!enrolled.has(organisation)) continue;
    spoken.add(organisation);
    if (outcome === 'different') denying.add(organisation);
    if (outcome === 'reproduced' || (outcome === 'equivalent' && acceptEquivalent === true)) {
      approving.add(organisation);
    }
  }
  if (approving.size > 0 && denying.size > 0) return 'disputed';
  if (approving.size >= quorum) return 'reproduced';
  if (denying.size >= quorum) return 'different';
  const agreeing = Math.max(approving.size, denying.size);
  const silent = new Set([...spoken, ...(electorate.retired ?? [])]);
  const expected = [...enrolled].filter((organisation) => !silent.has(organisation)).length;
  return agreeing + expected >= quorum ? 'pending' : 'insufficient';
}

/**
 * The verdict on a publication: reproduced only when every one of `moduleNames` is.
 *
 * Organisations that took different bytes for the published module dispute it, whatever each of
 * them made of its own: they did not look at the same publication.
 *
 * @throws AttestError `policy-malformed`, `recipe-malformed` when there are no modules
 */
export function publicationVerdict(
  moduleNames: readonly string[],
  votes: readonly RebuildVote[],
  electorate: Electorate,
): PublicationReport {
  checkPolicy(electorate);
  if (moduleNames.length === 0) {
    throw new AttestError('recipe-malformed', 'no modules to decide about; a recipe names one');
  }
  const enrolled = new Set(electorate.organisations);
  const counted = votes.filter(({ organisation }) => enrolled.has(organisation));
  const modules = moduleNames.flatMap((name) => reportModule(name, counted, electorate));
  return { verdict: combine(modules.map(({ verdict }) => verdict)), modules };
}

function reportModule(
  name: string,
  rebuilds: readonly RebuildVote[],
  electorate: Electorate,
): ModuleReport[] {
  const forms = new Map<string, { digest: string; size: number; votes: ModuleVote[] }>();
  const failures: ModuleVote[] = [];
  for (const { organisation, outcome, modules } of rebuilds) {
    if (isFailure(outcome)) {
      failures.push({ organisation, outcome });
      continue;
    }
    for (const module of modules) {
      if (module.name !== name) continue;
      const { digest, size } = module;
      const key = `${digest} ${size}`;
      const form = forms.get(key) ?? { digest, size, votes: [] };
      form.votes.push({ organisation, outcome: module.outcome });
      forms.set(key, form);
    }
  }
  if (forms.size === 0) {
    return [{ name, verdict: moduleVerdict(failures, electorate), votes: tidy(failures) }];
  }
  return [...forms.values()]
    .sort((a, b) => compare(a.digest, b.digest) || a.size - b.size)
    .map(({ digest, size, votes }) => ({
      name,
      digest,
      size,
      verdict: forms.size > 1 ? 'disputed' : moduleVerdict([...votes, ...failures], electorate),
      votes: tidy([...votes, ...failures]),
    }));
}

function combine(verdicts: readonly Verdict[]): Verdict {
  const weightiest = (['disputed', 'different', 'pending', 'insufficient'] as const).find(
    (verdict) => verdicts.includes(verdict),
  );
  return weightiest ?? 'reproduced';
}

/** Distinct and sorted, so that the order in which votes came in shows nowhere. */
function tidy(votes: readonly ModuleVote[]): ModuleVote[] {
  const madeGood = new Set(
    votes.filter(({ outcome }) => !isFailure(outcome)).map(({ organisation }) => organisation),
  );
  const distinct = new Map(
    votes
      .filter(({ organisation, outcome }) => !(isFailure(outcome) && madeGood.has(organisation)))
      .map((vote) => [`${vote.outcome} ${vote.organisation}`, vote]),
  );
  return [...distinct.values()].sort(
    (a, b) => compare(a.organisation, b.organisation) || compare(a.outcome, b.outcome),
  );
}

function checkPolicy({ organisations, policy }: Electorate): Policy {
  const count = new Set(organisations).size;
  if (!Number.isSafeInteger(policy.quorum) || policy.quorum < 1 || policy.quorum > count) {
    throw new AttestError(
      'policy-malformed',
      `quorum ${policy.quorum} is not within 1 and the ${count} organisations that may vote`,
    );
  }
  return policy;
}

function isFailure(outcome: Outcome): boolean {
  return outcome === 'failed' || outcome === 'unavailable';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
