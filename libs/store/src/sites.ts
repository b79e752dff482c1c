import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';
import type { Prisma, SiteAcknowledgement } from './generated/client.js';

const newestFirst = {
  acknowledgements: { orderBy: { counter: 'desc' as const }, take: 1 },
} satisfies Prisma.SiteInclude;

/** A site with its newest acknowledgement, if there is one. */
export type SiteRow = Prisma.SiteGetPayload<{ include: typeof newestFirst }> & {
  /** Whether any acknowledgement of it names a tree that is not the log's. */
  readonly forks: readonly AcknowledgementRow[];
};
export type AcknowledgementRow = SiteAcknowledgement;

export interface NewSite {
  readonly id: string;
  readonly algorithm: string;
  readonly spki: Uint8Array;
  readonly keyId: string;
  readonly startCounter: number;
  /** Seconds. */
  readonly overdueAfter: number;
}

/**
 * Registers a site. The same once more changes nothing; another time of silence is taken over.
 *
 * @throws StoreError `site-conflict` when the site has another device, or the device another site
 */
export async function addSite(db: Database, site: NewSite, now: Date): Promise<SiteRow> {
  return transaction(db, async (queries) => {
    await queries.$executeRaw`LOCK TABLE site IN EXCLUSIVE MODE`;
    const known = await queries.site.findFirst({
      where: { OR: [{ id: site.id }, { keyId: site.keyId }] },
    });
    if (known === null) {
      await queries.site.create({
        data: { ...site, spki: new Uint8Array(site.spki), registeredAt: now },
      });
    } else if (known.id !== site.id || known.keyId !== site.keyId) {
      throw new StoreError(
        'site-conflict',
        `site ${known.id} is registered with device key ${known.keyId.slice(0, 16)}…`,
      );
    } else {
      await queries.site.update({
        where: { id: site.id },
        data: { overdueAfter: site.overdueAfter },
      });
    }
    return (await findSite(queries, site.id)) as SiteRow;
  });
}

export async function findSite(queries: Queries, id: string): Promise<SiteRow | null> {
  const site = await queries.site.findUnique({ where: { id }, include: newestFirst });
  return site && (await withForks(queries, [site]))[0]!;
}

export async function listSites(queries: Queries): Promise<SiteRow[]> {
  const sites = await queries.site.findMany({ orderBy: { id: 'asc' }, include: newestFirst });
  return withForks(queries, sites);
}

async function withForks(
  queries: Queries,
  sites: readonly Prisma.SiteGetPayload<{ include: typeof newestFirst }>[],
): Promise<SiteRow[]> {
  const forks = await queries.siteAcknowledgement.findMany({
    where: { fork: { not: null }, siteId: { in: sites.map(({ id }) => id) } },
    orderBy: { counter: 'asc' },
  });
  return sites.map((site) => ({
    ...site,
    forks: forks.filter(({ siteId }) => siteId === site.id),
  }));
}

/**
 * Keeps what a site's device signed. The same again changes nothing.
 *
 * @throws StoreError `acknowledgement-conflict` when the device signed two things for one step, or
 * another one came in between
 */
export async function keepAcknowledgement(
  db: Database,
  acknowledgement: AcknowledgementRow,
): Promise<void> {
  const { siteId, counter } = acknowledgement;
  await transaction(db, async (queries) => {
    await queries.$executeRaw`SELECT 1 FROM site WHERE id = ${siteId} FOR UPDATE`;
    const known = await queries.siteAcknowledgement.findUnique({
      where: { siteId_counter: { siteId, counter } },
    });
    if (known?.digest === acknowledgement.digest) return;
    if (known !== null) {
      throw new StoreError(
        'acknowledgement-conflict',
        `the device of site ${siteId} signed another acknowledgement of import ${counter}: its counter was copied, or its key`,
      );
    }
    await queries.siteAcknowledgement.create({ data: acknowledgement });
  });
}
