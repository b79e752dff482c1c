import { Worker } from 'node:worker_threads';
import { HttpProblem } from '../http-problem.js';
import { packJobs, unpackResults } from './entry-messages.js';
import type { EntryResult, ResultsMessage } from './entry-messages.js';
import { prepareEntry } from './prepare-entry.js';
import type { EntryJob, PreparedEntry } from './prepare-entry.js';

/** Jobs of one list: enough to make the message cheap, few enough to keep all threads busy. */
const LIST = 16;
/** Lists that a thread has: one that it works on and one that waits, so that it never idles. */
const LISTS = 2;

/** What a job leaves behind is short-lived: with room for it, it is not looked through so often. */
const YOUNG_MB = 16;

interface Waiting {
  readonly job: EntryJob;
  readonly resolve: (entry: PreparedEntry) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Lists sent and not answered, oldest first. */
  readonly lists: (readonly Waiting[])[];
}

export interface EntryThreadsOptions {
  /** None makes entries where they are asked for, between everything else. */
  readonly threads: number;
  /** Jobs that may wait; beyond it `log-busy`. */
  readonly maxWaiting: number;
}

/**
 * Makes entries beside the event loop: parsing a request and verifying its signatures is most of
 * what an entry costs, and some algorithms take milliseconds, for which nobody else should wait.
 */
export class EntryThreads {
  readonly #maxWaiting: number;
  readonly #threads: Thread[];
  #waiting: Waiting[] = [];
  #scheduled = false;
  #closed = false;

  constructor({ threads, maxWaiting }: EntryThreadsOptions) {
    this.#maxWaiting = maxWaiting;
    this.#threads = Array.from({ length: threads }, () => this.#start());
  }

  /** @throws HttpProblem as prepareEntry does, and `log-busy` */
  prepare(job: EntryJob): Promise<PreparedEntry> {
    if (this.#threads.length === 0) return prepareEntry(job);
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new HttpProblem('log-stopped', 503, 'the log is shutting down');
      if (this.#waiting.length >= this.#maxWaiting) {
        const detail = `${this.#waiting.length} entries already wait; try again later`;
        throw new HttpProblem('log-busy', 503, detail);
      }
      this.#waiting.push({ job, resolve, reject });
      // Requests of one turn of the event loop go together.
      if (!this.#scheduled) setImmediate(() => this.#dispatch());
      this.#scheduled = true;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(): Thread {
    const worker = new Worker(new URL('./entry-worker.js', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const thread: Thread = { worker, lists: [] };
    worker.on('message', (results: ResultsMessage) => this.#settle(thread, results));
    worker.on('error', (error) => this.#lost(thread, error));
    worker.on('exit', () => this.#lost(thread, new Error('a thread that makes entries ended')));
    // What waits for it keeps the process alive, not the thread.
    worker.unref();
    return thread;
  }

  #dispatch(): void {
    this.#scheduled = false;
    for (let lists = 0; lists < LISTS; lists++) {
      for (const thread of this.#threads) {
        if (this.#waiting.length === 0) return;
        if (thread.lists.length > lists) continue;
        const share = Math.ceil(this.#waiting.length / this.#threads.length);
        const list = this.#waiting.splice(0, Math.min(LIST, share));
        thread.lists.push(list);
        const jobs = packJobs(list.map(({ job }) => job));
        thread.worker.postMessage(jobs, [jobs.bytes.buffer]);
      }
    }
  }

  #settle(thread: Thread, message: ResultsMessage): void {
    const list = thread.lists.shift() ?? [];
    const results = unpackResults(message);
    for (const [at, { resolve, reject }] of list.entries()) {
      const result = results[at];
      if (result && 'entry' in result) resolve(result.entry);
      else reject(errorOf(result));
    }
    this.#dispatch();
  }

  /** What a thread took with it is answered, and another takes its place. */
  #lost(thread: Thread, error: Error): void {
    const at = this.#threads.indexOf(thread);
    for (const { reject } of thread.lists.splice(0).flat()) reject(error);
    if (at < 0 || this.#closed) return;
    this.#threads[at] = this.#start();
    this.#dispatch();
  }
}

function errorOf(result: EntryResult | undefined): Error {
  if (result && 'problem' in result) {
    const { code, status, detail, field } = result.problem;
    return new HttpProblem(code, status, detail, field === undefined ? {} : { field });
  }
  return new Error(result && 'failure' in result ? result.failure : 'no result');
}
