import { queueName, RebuildJob } from '@touchstone/contract';
import type { QueuedRebuild } from '@touchstone/store';
import { Job, Queue, Worker } from 'bullmq';
import type { QueueBackend } from './queue-backend.js';

/** A job as a lease needs it; what it means is for the database to say. */
export interface TakenJob {
  readonly id: string;
  readonly rebuildId: string;
  /** The attempt that the job was made for. */
  readonly attempt: number;
}

interface Lane {
  readonly queue: Queue;
  readonly worker: Worker;
}

/**
 * The rebuilds that wait for a worker, one BullMQ queue per rebuilder. It hands out work in order
 * and hands each job to one caller, no more: whether the work may be done, and by whom, is decided
 * by the database, and what is lost here is filled in from there.
 *
 * A job's lock token is the hash of the lease's token, so whoever holds the lease holds the job.
 */
export class RebuildQueue {
  readonly #lanes = new Map<string, Lane>();
  readonly #backend: QueueBackend;
  readonly #lockMilliseconds: number;
  readonly #onError: (error: Error) => void;

  constructor(
    backend: QueueBackend,
    options: { lockMilliseconds: number; onError: (error: Error) => void },
  ) {
    this.#backend = backend;
    this.#lockMilliseconds = options.lockMilliseconds;
    this.#onError = options.onError;
  }

  get backend(): QueueBackend['name'] {
    return this.#backend.name;
  }

  /** Makes what the queue stands on, if it is not there (any more). */
  prepare(): Promise<void> {
    return this.#backend.prepare();
  }

  async ping(): Promise<void> {
    this.#requireUp();
    await this.#backend.ping();
  }

  /** Adds jobs of one rebuilder; those that are there already stay as they are. */
  async add(rebuilderId: string, rebuilds: readonly QueuedRebuild[]): Promise<void> {
    const { queue } = this.#lane(rebuilderId);
    await queue.addBulk(
      rebuilds.map((rebuild) => ({
        name: 'rebuild',
        data: { rebuildId: rebuild.rebuildId } satisfies RebuildJob,
        // A job that is done leaves nothing behind, so that its id is free again.
        opts: { jobId: jobId(rebuild), removeOnComplete: true, removeOnFail: true },
      })),
    );
  }

  /** Takes the next job, if there is one, and locks it with `lockToken`. Never waits. */
  async take(rebuilderId: string, lockToken: string): Promise<TakenJob | undefined> {
    const { worker } = this.#lane(rebuilderId);
    for (;;) {
      const job = (await worker.getNextJob(lockToken, { block: false })) as Job | undefined;
      if (job?.id === undefined) return undefined;
      const data = RebuildJob.safeParse(job.data);
      const attempt = /-(\d+)$/.exec(job.id)?.[1];
      if (data.success && attempt !== undefined) {
        return { id: job.id, rebuildId: data.data.rebuildId, attempt: Number(attempt) };
      }
      // Nothing of ours: out of the way with it.
      await job.moveToCompleted(null, lockToken, false);
    }
  }

  /** Keeps the job of a lease locked. A job that is lost or taken over is left to the sweep. */
  async extend(rebuild: QueuedRebuild, lockToken: string): Promise<void> {
    const job = await this.#heldJob(rebuild);
    await job?.extendLock(lockToken, this.#lockMilliseconds);
  }

  /** Removes the job that `rebuild` was leased with. */
  async finish(rebuild: QueuedRebuild, lockToken: string): Promise<void> {
    const job = await this.#heldJob(rebuild);
    await job?.moveToCompleted(null, lockToken, false);
  }

  /** Removes a job that was just taken. */
  async discard(rebuilderId: string, taken: TakenJob, lockToken: string): Promise<void> {
    const { queue } = this.#lane(rebuilderId);
    const job = await Job.fromId(queue, taken.id);
    await job?.moveToCompleted(null, lockToken, false);
  }

  /** Jobs that wait to be taken. */
  async waiting(rebuilderId: string): Promise<number> {
    const { queue } = this.#lane(rebuilderId);
    return queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
  }

  async close(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    // A server that is away must not keep us from going.
    if (!this.#backend.up()) return this.#backend.close();
    await Promise.all(lanes.flatMap(({ queue, worker }) => [worker.close(true), queue.close()]));
    await this.#backend.close();
  }

  /** The job of the lease before `rebuild`'s count of leases went up. */
  async #heldJob(rebuild: QueuedRebuild): Promise<Job | undefined> {
    const { queue } = this.#lane(rebuild.rebuilderId);
    return Job.fromId(queue, jobId({ ...rebuild, attempt: rebuild.attempt - 1 }));
  }

  /** Commands to a server that is away would wait for it, and we with them. */
  #requireUp(): void {
    if (!this.#backend.up()) throw new Error(`the queue on ${this.#backend.name} is away`);
  }

  #lane(rebuilderId: string): Lane {
    this.#requireUp();
    const known = this.#lanes.get(rebuilderId);
    if (known !== undefined) return known;
    const name = queueName(rebuilderId);
    const connection = this.#backend.connection as never;
    const factory = this.#backend.factory as never;
    const queue = new Queue(name, { connection }, factory);
    const worker = new Worker(
      name,
      null,
      {
        connection,
        lockDuration: this.#lockMilliseconds,
        stalledInterval: Math.max(1000, this.#lockMilliseconds / 2),
        // A worker may die as often as it likes; the work stays.
        maxStalledCount: 2 ** 31 - 1,
      },
      factory,
    );
    const lane = { queue, worker };
    this.#lanes.set(rebuilderId, lane);
    queue.on('error', this.#onError);
    worker.on('error', this.#onError);
    // Jobs taken by a coordinator that died before it granted the lease come back this way.
    void worker.startStalledCheckTimer().catch(this.#onError);
    return lane;
  }
}

/** Publication and attempt; BullMQ takes no colon in an id of one's own. */
function jobId({ publicationId, attempt }: QueuedRebuild): string {
  return `${publicationId}-${attempt}`;
}
