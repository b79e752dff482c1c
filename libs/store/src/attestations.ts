import { transaction, type Database, type Queries } from './database.js';
import type { Prisma } from './generated/client.js';

const withKey = { key: true } satisfies Prisma.AttestationInclude;

/** An attestation with the key that signed it. */
export type AttestationRow = Prisma.AttestationGetPayload<{ include: typeof withKey }>;

export function findAttestation(queries: Queries, id: string): Promise<AttestationRow | null> {
  return queries.attestation.findUnique({ where: { id }, include: withKey });
}

/**
 * Records where the log holds an attestation, strikes off what the log was owed of it, and records
 * the rebuild as logged once all of its attestations are; one transaction. Recording the same again changes nothing.
 */
export async function recordLogged(
  db: Database,
  attestation: { id: string; rebuildId: string },
  entry: { index: number; body: Uint8Array },
  now: Date,
): Promise<void> {
  await transaction(db, async (queries) => {
    // Locked first: of two attestations recorded at once, the later must see the earlier.
    await queries.$executeRaw`
      SELECT 1 FROM rebuild WHERE id = ${attestation.rebuildId}::uuid FOR UPDATE`;
    await queries.attestation.updateMany({
      where: { id: attestation.id, state: 'pending' },
      data: {
        state: 'logged',
        logIndex: BigInt(entry.index),
        logBody: new Uint8Array(entry.body),
        loggedAt: now,
      },
    });
    await queries.outbox.deleteMany({ where: { kind: 'log', subject: attestation.id } });
    const pending = await queries.attestation.count({
      where: { rebuildId: attestation.rebuildId, state: 'pending' },
    });
    if (pending === 0) {
      await queries.rebuild.updateMany({
        where: { id: attestation.rebuildId, state: 'reported' },
        data: { state: 'logged' },
      });
    }
  });
}

/**
 * The attestations of a publication that are in the log, in the log's order; of a rebuild either
 * all of them or none.
 */
export function listLoggedAttestations(
  queries: Queries,
  publicationId: string,
): Promise<AttestationRow[]> {
  return queries.attestation.findMany({
    where: { rebuild: { publicationId, state: 'logged' } },
    orderBy: { logIndex: 'asc' },
    include: withKey,
  });
}

/** Names the attestations of a publication that are in the log: another name, other attestations. */
export async function loggedVersion(queries: Queries, publicationId: string): Promise<string> {
  const { _count, _max } = await queries.attestation.aggregate({
    where: { rebuild: { publicationId, state: 'logged' } },
    _count: true,
    _max: { logIndex: true },
  });
  return `${_count} ${String(_max.logIndex)}`;
}
