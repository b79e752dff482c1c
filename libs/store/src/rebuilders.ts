import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';
import type { Rebuilder } from './generated/client.js';
import { excludeSubmissions } from './publications.js';

export type RebuilderRow = Rebuilder;

export interface NewRebuilder {
  readonly id: string;
  readonly organisation: string;
  readonly algorithm: string;
  readonly spki: Uint8Array;
  readonly keyId: string;
}

/**
 * Enrols a rebuilder and owes it a rebuild of every publication there is; one transaction. The
 * same enrolment again changes nothing.
 *
 * @param admit throws when the rebuilders cannot be trusted together; nothing is written then
 * @throws StoreError `rebuilder-conflict` when the id is taken with another organisation or key,
 *   `key-conflict` when the key belongs or belonged to another rebuilder, `rebuilder-withdrawn`
 */
export async function enrolRebuilder(
  db: Database,
  enrolment: NewRebuilder,
  now: Date,
  admit: (rebuilders: readonly NewRebuilder[]) => void,
): Promise<RebuilderRow> {
  return transaction(db, async (queries) => {
    await excludeSubmissions(queries);
    const known = await queries.rebuilder.findFirst({
      where: { OR: [{ id: enrolment.id }, { keyId: enrolment.keyId }] },
      orderBy: { id: 'asc' },
    });
    if (known !== null) return sameEnrolment(known, enrolment);
    const { algorithm, keyId } = enrolment;
    const used = await queries.rebuilderKey.findUnique({ where: { keyId } });
    if (used !== null) {
      throw new StoreError('key-conflict', `this key was that of ${used.rebuilderId}`);
    }
    admit([...(await listRebuilders(queries)), enrolment]);
    const spki = new Uint8Array(enrolment.spki);
    const row = await queries.rebuilder.create({
      data: {
        ...{ ...enrolment, spki, enrolledAt: now },
        keys: { create: { keyId, algorithm, spki, enrolledAt: now } },
      },
    });
    await queries.$executeRaw`
      WITH owed AS (
        INSERT INTO rebuild (id, publication_id, rebuilder_id, due_at)
        SELECT gen_random_uuid(), id, ${row.id}, ${now} FROM publication
        RETURNING id, due_at
      )
      INSERT INTO outbox (kind, subject, due_at) SELECT 'enqueue', id, due_at FROM owed`;
    return row;
  });
}

function sameEnrolment(known: RebuilderRow, enrolment: NewRebuilder): RebuilderRow {
  if (known.id !== enrolment.id) {
    throw new StoreError('key-conflict', `this key belongs to rebuilder ${known.id} already`);
  }
  if (known.withdrawnAt !== null) {
    throw new StoreError(
      'rebuilder-withdrawn',
      `rebuilder ${known.id} is withdrawn; enrol another id`,
    );
  }
  if (known.keyId !== enrolment.keyId || known.organisation !== enrolment.organisation) {
    throw new StoreError(
      'rebuilder-conflict',
      `rebuilder ${known.id} is enrolled with another key or organisation; choose another id`,
    );
  }
  return known;
}

/** All that were ever enrolled; those that were withdrawn among them. */
export function listRebuilders(queries: Queries): Promise<RebuilderRow[]> {
  return queries.rebuilder.findMany({ orderBy: { id: 'asc' } });
}

export function findRebuilder(queries: Queries, id: string): Promise<RebuilderRow | null> {
  return queries.rebuilder.findUnique({ where: { id } });
}
