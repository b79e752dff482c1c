import { transaction, type Database, type Queries } from './database.js';
import { StoreError } from './errors.js';

/**
 * Notes that what the lease's holder reported was refused, and would be again. Should the lease end
 * without another report, the rebuild ends with it: see `requeue` in leases.ts. Does nothing unless
 * the rebuild is leased to that rebuilder.
 */
export async function noteRefusal(
  db: Database,
  rebuild: { readonly id: string; readonly rebuilderId: string },
  refusal: { readonly code: string; readonly message: string },
  now: Date,
): Promise<void> {
  const { id, rebuilderId } = rebuild;
  const { code, message } = refusal;
  await db.$executeRaw`
    INSERT INTO report_refusal (rebuild_id, code, message, refused_at)
    SELECT id, ${code}, ${message.slice(0, 1000)}, ${now} FROM rebuild
     WHERE id = ${id}::uuid AND rebuilder_id = ${rebuilderId} AND state = 'leased'
    ON CONFLICT (rebuild_id) DO UPDATE
      SET code = EXCLUDED.code, message = EXCLUDED.message, refused_at = EXCLUDED.refused_at`;
}

/** Ends a rebuild whose last report was refused; whether it was. */
export async function endRefused(queries: Queries, rebuildId: string): Promise<boolean> {
  const refusal = await queries.reportRefusal.findUnique({ where: { rebuildId } });
  if (refusal === null) return false;
  await queries.rebuild.update({
    where: { id: rebuildId },
    data: {
      state: 'refused',
      leaseHash: null,
      leaseExpiresAt: null,
      failureCode: refusal.code,
      failureMessage: refusal.message,
    },
  });
  await queries.reportRefusal.delete({ where: { rebuildId } });
  return true;
}

/**
 * Has a rebuild that ended in a refusal made again, when its worker was mended.
 *
 * @throws StoreError `rebuild-unknown`, `rebuild-not-refused`
 */
export async function retryRefused(db: Database, rebuildId: string, now: Date): Promise<void> {
  await transaction(db, async (queries) => {
    const { count } = await queries.rebuild.updateMany({
      where: { id: rebuildId, state: 'refused', rebuilder: { withdrawnAt: null } },
      data: { state: 'queued', dueAt: now, failureCode: null, failureMessage: null },
    });
    if (count === 0) {
      const row = await queries.rebuild.findUnique({ where: { id: rebuildId } });
      throw row === null
        ? new StoreError('rebuild-unknown', `there is no rebuild ${rebuildId}`)
        : new StoreError('rebuild-not-refused', `the rebuild is ${row.state}, not refused`);
    }
    await queries.outbox.create({ data: { kind: 'enqueue', subject: rebuildId, dueAt: now } });
  });
}
