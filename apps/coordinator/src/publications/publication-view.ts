import {
  organisationsOf,
  publicationVerdict,
  REBUILD_PREDICATE_TYPE,
  SBOM_PREDICATE_TYPE,
  type ModuleOutcome,
  type Outcome,
  type Policy,
  type PublicationReport,
} from '@touchstone/attest';
import type { Publication, PublicationSummary, Rebuild } from '@touchstone/contract';
import { parseRecipe, type PublicationRow, type RebuilderRow } from '@touchstone/store';

/** Who votes on publications, and how votes are counted. */
export interface Voting {
  readonly organisations: readonly string[];
  /** Those of them all of whose rebuilders were withdrawn. */
  readonly retired: readonly string[];
  readonly policy: Policy;
}

export function votingOf(rebuilders: readonly RebuilderRow[], policy: Policy): Voting {
  const enrolled = rebuilders.map(({ id, organisation }) => ({ id, organisation, keys: [] }));
  const organisations = organisationsOf({ rebuilders: enrolled });
  const active = new Set(
    rebuilders.flatMap((row) => (row.withdrawnAt === null ? [row.organisation] : [])),
  );
  const retired = organisations.filter((organisation) => !active.has(organisation));
  return { organisations, retired, policy };
}

/**
 * The verdict on a publication. Only what is in the log counts, so that an auditor with the
 * evidence comes to the same.
 */
export function verdictOn(row: PublicationRow, voting: Voting): PublicationReport {
  const moduleNames = parseRecipe(row.recipe).modules.map(({ name }) => name);
  if (voting.policy.quorum > voting.organisations.length) {
    // Not enough organisations are enrolled yet to come to anything.
    return {
      verdict: 'pending',
      modules: moduleNames.map((name) => ({ name, verdict: 'pending', votes: [] })),
    };
  }
  const votes = row.rebuilds
    .filter(({ state }) => state === 'logged')
    .map((rebuild) => ({
      organisation: rebuild.rebuilder.organisation,
      outcome: rebuild.outcome as Outcome,
      modules: rebuild.modules.map((module) => ({
        name: module.name,
        digest: module.claimedSha256,
        size: Number(module.claimedSize),
        outcome: module.outcome as ModuleOutcome,
      })),
    }));
  return publicationVerdict(moduleNames, votes, voting);
}

export function publicationView(row: PublicationRow, voting: Voting): Publication {
  const { modules } = verdictOn(row, voting);
  return {
    ...summaryView(row, voting),
    recipe: parseRecipe(row.recipe),
    modules: modules.map(({ name, digest, size, verdict, votes }) => ({
      name,
      ...(digest === undefined ? {} : { digest: { sha256: digest } }),
      ...(size === undefined ? {} : { size }),
      verdict,
      votes: [...votes],
    })),
    rebuilds: row.rebuilds.map(rebuildView),
  };
}

export function summaryView(row: PublicationRow, voting: Voting): PublicationSummary {
  return {
    id: row.id,
    artifact: { uri: row.artifactUri, digest: digestSet(row.artifactDigest) },
    submittedAt: row.submittedAt.toISOString(),
    verdict: verdictOn(row, voting).verdict,
  };
}

/** `sha256:<hex>` as an in-toto DigestSet. */
export function digestSet(text: string): { sha256: string } | { sha512: string } {
  const [algorithm, hex = ''] = text.split(':');
  return algorithm === 'sha256' ? { sha256: hex } : { sha512: hex };
}

function rebuildView(row: PublicationRow['rebuilds'][number]): Rebuild {
  const indexOf = (predicateType: string): bigint | null =>
    row.attestations.find((a) => a.predicateType === predicateType)?.logIndex ?? null;
  const logIndex = indexOf(REBUILD_PREDICATE_TYPE);
  const sbomLogIndex = indexOf(SBOM_PREDICATE_TYPE);
  return {
    id: row.id,
    rebuilder: row.rebuilderId,
    organisation: row.rebuilder.organisation,
    state: row.state,
    attempt: row.attempt,
    ...(row.outcome === null ? {} : { outcome: row.outcome as Outcome }),
    ...(logIndex === null ? {} : { logIndex: Number(logIndex) }),
    ...(sbomLogIndex === null ? {} : { sbomLogIndex: Number(sbomLogIndex) }),
    ...(row.failureCode === null || row.failureMessage === null
      ? {}
      : { failure: { code: row.failureCode, message: row.failureMessage } }),
  };
}
