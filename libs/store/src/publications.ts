import { artifactDescriptor } from '@touchstone/attest';
import { recipeDigest, type Recipe } from '@touchstone/contract';
import { canonicalJson } from '@touchstone/attest';
import { transaction, type Database, type Queries } from './database.js';
import type { Prisma } from './generated/client.js';

const withRebuilds = {
  rebuilds: {
    orderBy: { rebuilderId: 'asc' },
    include: {
      rebuilder: { select: { organisation: true } },
      modules: { orderBy: { name: 'asc' } },
      attestations: { select: { predicateType: true, logIndex: true } },
    },
  },
} satisfies Prisma.PublicationInclude;

/** A publication with its rebuilds and what each of them said. */
export type PublicationRow = Prisma.PublicationGetPayload<{ include: typeof withRebuilds }>;

/**
 * Holds enrolments off until the transaction ends. Every publication owes a rebuild to every
 * rebuilder: of one submission and one enrolment at the same time, the later must see the earlier.
 */
const ENROLMENT_LOCK = 0x746f7563;

/**
 * Writes a publication, one rebuild for each enrolled rebuilder and the outbox rows that will put
 * them into the queue; all of it in one transaction. The same recipe again changes nothing.
 */
export async function submitPublication(db: Database, recipe: Recipe, now: Date): Promise<string> {
  const id = recipeDigest(recipe);
  const { uri, digest } = artifactDescriptor(recipe.artifact);
  const [[algorithm, hex] = []] = Object.entries(digest);
  await transaction(db, async (queries) => {
    await queries.$executeRaw`SELECT pg_advisory_xact_lock_shared(${ENROLMENT_LOCK}::bigint)`;
    const inserted = await queries.$executeRaw`
      INSERT INTO publication (id, artifact_uri, artifact_digest, recipe, submitted_at)
      VALUES (${id}, ${uri}, ${`${algorithm}:${hex}`}, ${canonicalJson(recipe)}, ${now})
      ON CONFLICT (id) DO NOTHING`;
    if (inserted === 0) return;
    await queries.$executeRaw`
      WITH owed AS (
        INSERT INTO rebuild (id, publication_id, rebuilder_id, due_at)
        SELECT gen_random_uuid(), ${id}, id, ${now} FROM rebuilder WHERE withdrawn_at IS NULL
        RETURNING id, due_at
      )
      INSERT INTO outbox (kind, subject, due_at) SELECT 'enqueue', id, due_at FROM owed`;
  });
  return id;
}

/** Takes the lock of {@link submitPublication}'s transaction, for an enrolment. */
export async function excludeSubmissions(queries: Queries): Promise<void> {
  await queries.$executeRaw`SELECT pg_advisory_xact_lock(${ENROLMENT_LOCK}::bigint)`;
}

export function findPublication(db: Database, id: string): Promise<PublicationRow | null> {
  return db.publication.findUnique({ where: { id }, include: withRebuilds });
}

/**
 * Publications in order of submission, after `after` (an id that an earlier page ended with).
 * `digest` (`sha256:<hex>` or `sha512:<hex>`) is that of the artifact or of a module in it.
 */
export async function listPublications(
  db: Database,
  page: { digest?: string | undefined; after?: bigint | undefined; limit: number },
): Promise<PublicationRow[]> {
  const { digest, after, limit } = page;
  const claimed = digest?.startsWith('sha256:') ? digest.slice('sha256:'.length) : undefined;
  return db.publication.findMany({
    where: {
      ...(after === undefined ? {} : { position: { gt: after } }),
      ...(digest === undefined
        ? {}
        : {
            OR: [
              { artifactDigest: digest },
              ...(claimed === undefined
                ? []
                : [{ rebuilds: { some: { modules: { some: { claimedSha256: claimed } } } } }]),
            ],
          }),
    },
    orderBy: { position: 'asc' },
    take: limit,
    include: withRebuilds,
  });
}

/** The recipe of a publication as it was submitted. */
export async function findRecipe(
  queries: Queries,
  publicationId: string,
): Promise<{ artifact: { uri: string; digest: string }; recipe: Recipe } | null> {
  const row = await queries.publication.findUnique({ where: { id: publicationId } });
  return (
    row && {
      artifact: { uri: row.artifactUri, digest: row.artifactDigest },
      recipe: parseRecipe(row.recipe),
    }
  );
}

/** The recipe column back as data; it was validated before it was written. */
export function parseRecipe(text: string): Recipe {
  return JSON.parse(text) as Recipe;
}
