import type { EntryStanding } from '@touchstone/airgap';
import {
  countsAt,
  publicationVerdict,
  REBUILD_PREDICATE_TYPE,
  RebuildPredicate,
  resolveTrustRoot,
  voteOf,
  type ModuleReport,
  type RebuildVote,
  type TrustRoot,
  type Verdict,
} from '@touchstone/attest';
import { z } from 'zod';
import { readImported, type ImportManifest, type ImportWriter } from './import-folder.js';

/*
 * What the imported statements say, found by digest without reading all of them: lines in 256
 * files by the first byte of a digest. `subjects` leads from a digest to recipes, `recipes` from a
 * recipe to the votes on it.
 */

const bucket = (kind: 'subjects' | 'recipes', digest: string): string =>
  `${kind}/${digest.slice(0, 2)}.jsonl`;

const Subject = z.tuple([z.string(), z.string()]);
const Vote = z.strictObject({
  recipe: z.string(),
  uri: z.string(),
  /** Who signed, and where: whether it counts is for the trust root of the day to say. */
  keyId: z.string(),
  index: z.int(),
  outcome: z.enum(['reproduced', 'equivalent', 'different', 'failed', 'unavailable']),
  modules: z.array(
    z.strictObject({
      name: z.string(),
      digest: z.string(),
      size: z.int(),
      outcome: z.enum(['reproduced', 'equivalent', 'different']),
    }),
  ),
});
type Vote = z.infer<typeof Vote>;

/** Writes down what one entry says, if it is a rebuild by an enrolled organisation. */
export async function writeVote(
  index: number,
  standing: EntryStanding,
  writer: ImportWriter,
): Promise<void> {
  if (standing.kind !== 'statement') return;
  const { statement, signer } = standing;
  if (statement.predicateType !== REBUILD_PREDICATE_TYPE) return;
  const parsed = RebuildPredicate.safeParse(statement.predicate);
  if (!parsed.success) return;
  const { outcome, modules } = voteOf(signer.organisation, parsed.data);
  const recipe = parsed.data.recipe.digest.sha256;
  const vote: Vote = {
    recipe,
    uri: parsed.data.artifact.uri,
    keyId: signer.keyId,
    index,
    outcome,
    modules: [...modules],
  };
  await writer.line(bucket('recipes', recipe), JSON.stringify(vote));
  const digests = statement.subject.flatMap(({ digest }) => Object.values(digest));
  for (const digest of new Set(digests)) {
    await writer.line(bucket('subjects', digest), JSON.stringify([digest, recipe]));
  }
}

/** What the site may say of one digest under one recipe. */
export interface Vouched {
  readonly recipe: string;
  readonly uri: string;
  readonly verdict: Verdict;
  readonly modules: readonly ModuleReport[];
}

/** Every recipe that speaks of the digest, with the verdict of its votes under the trust root. */
export async function vouch(
  digests: readonly string[],
  imports: readonly (ImportManifest & { readonly folder: string })[],
  { origin, trustRoot }: { readonly origin: string; readonly trustRoot: TrustRoot },
): Promise<Vouched[]> {
  const recipes = new Set<string>();
  for (const digest of digests) {
    for await (const [named, recipe] of lines(imports, bucket('subjects', digest), Subject)) {
      if (named === digest) recipes.add(recipe);
    }
  }
  const { root, keys, organisations, retired } = resolveTrustRoot(trustRoot);
  const enrolled = new Map(keys.map((key) => [key.keyId, key]));
  const found: Vouched[] = [];
  for (const recipe of [...recipes].sort()) {
    const votes: RebuildVote[] = [];
    let uri: string | undefined;
    for await (const vote of lines(imports, bucket('recipes', recipe), Vote)) {
      const key = enrolled.get(vote.keyId);
      if (vote.recipe !== recipe || key === undefined) continue;
      if (!countsAt(key, origin, vote.index)) continue;
      uri ??= vote.uri;
      votes.push({ ...vote, organisation: key.organisation });
    }
    const names = [...new Set(votes.flatMap(({ modules }) => modules.map(({ name }) => name)))];
    if (uri === undefined || names.length === 0) continue;
    const electorate = { organisations, retired, policy: root.policy };
    found.push({ recipe, uri, ...publicationVerdict(names.sort(), votes, electorate) });
  }
  return found;
}

async function* lines<S extends z.ZodType>(
  imports: readonly (ImportManifest & { readonly folder: string })[],
  path: string,
  schema: S,
): AsyncGenerator<z.output<S>> {
  for (const manifest of imports) {
    const bytes = await readImported(manifest, path);
    if (bytes === undefined) continue;
    for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
      if (line !== '') yield schema.parse(JSON.parse(line));
    }
  }
}
