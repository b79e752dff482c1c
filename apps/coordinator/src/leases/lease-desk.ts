import { createHash, randomBytes } from 'node:crypto';
import type { Lease, RebuildState, Report } from '@touchstone/contract';
import {
  acceptReport,
  extendLease,
  grantLease,
  noteRefusal,
  releaseLease,
  type AcceptedReport,
  type Database,
  type GrantedLease,
  type LeaseClaim,
  type QueuedRebuild,
  type RebuilderRow,
} from '@touchstone/store';
import type { Logger } from 'pino';
import type { Bell } from '../bell.js';
import type { RebuildQueue, TakenJob } from '../queue/rebuild-queue.js';
import { ProblemError } from '../problem-error.js';
import { checkReport } from './check-report.js';

/** How often a waiting worker looks again; another coordinator may have filled the queue. */
const POLL_MILLISECONDS = 500;

export interface LeaseDeskParts {
  readonly db: Database;
  readonly queue: RebuildQueue;
  readonly bell: Bell;
  readonly logger: Logger;
  readonly leaseMilliseconds: number;
  readonly now: () => number;
  /** Called when an accepted report has given the log something to do. */
  readonly reported: () => void;
  /** Called when a rebuild went back into the outbox. */
  readonly requeued: () => void;
}

/**
 * Hands out rebuilds, and takes them back with a report or without.
 *
 * The database is the truth of a lease; the queue only says what to look at next. So the order is:
 * to grant, take the job, then grant in the database (a job whose grant was lost comes back when
 * its lock runs out, or with the sweep); to end a lease, write to the database, then remove the job
 * (a job that was left behind is found void by whoever takes it next).
 */
export class LeaseDesk {
  constructor(private readonly parts: LeaseDeskParts) {}

  /** Waits at most until `signal` aborts or `waitSeconds` have passed for a rebuild to lease. */
  async lease(
    rebuilder: RebuilderRow,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<Lease | null> {
    const { bell, now } = this.parts;
    const until = now() + waitSeconds * 1000;
    while (!isAborted(signal)) {
      const lease = await this.#next(rebuilder.id);
      if (lease !== undefined) {
        if (!isAborted(signal)) return lease;
        // Nobody is there any more to be told of it.
        await this.release(rebuilder, lease.rebuildId, lease.leaseToken);
        return null;
      }
      const left = until - now();
      if (left <= 0) return null;
      await bell.wait(rebuilder.id, Math.min(left, POLL_MILLISECONDS), signal);
    }
    return null;
  }

  async heartbeat(rebuilder: RebuilderRow, rebuildId: string, token: string): Promise<Date> {
    const { db, queue, now, leaseMilliseconds } = this.parts;
    const claim = claimOf(rebuilder, rebuildId, token);
    const expiresAt = new Date(now() + leaseMilliseconds);
    const rebuild = await extendLease(db, claim, expiresAt, new Date(now()));
    await this.#quietly(queue.extend(rebuild, claim.hash), rebuild);
    return expiresAt;
  }

  async release(rebuilder: RebuilderRow, rebuildId: string, token: string): Promise<void> {
    const { db, queue, now } = this.parts;
    const claim = claimOf(rebuilder, rebuildId, token);
    const rebuild = await releaseLease(db, claim, new Date(now()));
    await this.#quietly(queue.finish(rebuild, claim.hash), rebuild);
    this.parts.requeued();
  }

  /** Resolves once the report is durable. */
  async complete(
    rebuilder: RebuilderRow,
    rebuildId: string,
    report: Report,
  ): Promise<RebuildState> {
    const { db, queue, now } = this.parts;
    const claim = claimOf(rebuilder, rebuildId, report.leaseToken);
    const accepted = await this.#checked(claim, rebuilder, report);
    const { state, rebuild } = await acceptReport(db, claim, accepted, new Date(now()));
    await this.#quietly(queue.finish(rebuild, claim.hash), rebuild);
    this.parts.reported();
    return state;
  }

  /**
   * Notes that a report would be refused however often it came. The lease's holder may still send
   * another one; if none comes, the rebuild ends with this instead of being made again for ever.
   */
  async refused(
    rebuilder: RebuilderRow,
    rebuildId: string,
    refusal: { readonly code: string; readonly message: string },
  ): Promise<void> {
    const { db, now, logger } = this.parts;
    const rebuild = { id: rebuildId, rebuilderId: rebuilder.id };
    await noteRefusal(db, rebuild, refusal, new Date(now()));
    logger.warn({ rebuild, ...refusal }, 'a report was refused for good');
  }

  async #checked(
    claim: LeaseClaim,
    rebuilder: RebuilderRow,
    report: Report,
  ): Promise<AcceptedReport> {
    const { db, now } = this.parts;
    try {
      return await checkReport(db, claim, rebuilder, report, new Date(now()));
    } catch (error) {
      if (error instanceof ProblemError && error.status === 422) {
        const { code, message } = error;
        await this.refused(rebuilder, claim.rebuildId, { code, message });
      }
      throw error;
    }
  }

  async #next(rebuilderId: string): Promise<Lease | undefined> {
    const { db, queue, leaseMilliseconds, logger } = this.parts;
    const token = randomBytes(32).toString('base64url');
    const hash = hashToken(token);
    for (;;) {
      const job = await this.#take(rebuilderId, hash);
      if (job === undefined) return undefined;
      const now = this.parts.now();
      const lease = await grantLease(db, {
        rebuildId: job.rebuildId,
        rebuilderId,
        attempt: job.attempt,
        hash,
        expiresAt: new Date(now + leaseMilliseconds),
        now: new Date(now),
      });
      if (lease !== undefined) return leaseAnswer(lease, token);
      logger.debug({ jobId: job.id }, 'the job is void');
      await queue.discard(rebuilderId, job, hash);
    }
  }

  /** A queue that is away has nothing to give; it will be filled again when it is back. */
  async #take(rebuilderId: string, hash: string): Promise<TakenJob | undefined> {
    try {
      return await this.parts.queue.take(rebuilderId, hash);
    } catch (error) {
      this.parts.logger.warn({ err: error }, 'the queue cannot be asked');
      return undefined;
    }
  }

  /** The database has spoken; that the queue could not follow is put right by the sweep. */
  async #quietly(work: Promise<void>, rebuild: QueuedRebuild): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.parts.logger.debug({ err: error, ...rebuild }, 'the queue did not follow');
    }
  }
}

/** Asked anew each time; the compiler would take the first answer for the last. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function claimOf(rebuilder: RebuilderRow, rebuildId: string, token: string): LeaseClaim {
  return { rebuildId, rebuilderId: rebuilder.id, hash: hashToken(token) };
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function leaseAnswer(lease: GrantedLease, token: string): Lease {
  return {
    rebuildId: lease.rebuildId,
    leaseToken: token,
    expiresAt: lease.expiresAt.toISOString(),
    attempt: lease.attempt,
    recipeDigest: lease.recipeDigest,
    recipe: lease.recipe,
  };
}
