import { parentPort } from 'node:worker_threads';
import { HttpProblem } from '../http-problem.js';
import { prepareEntry } from './prepare-entry.js';
import type { EntryJob, PreparedEntry } from './prepare-entry.js';

/** Jobs go in lists: a message costs more than what is in it. */
export type EntryJobs = readonly EntryJob[];

/** What became of a job. A refusal is taken apart, since an error does not keep its kind. */
export type EntryResult =
  | { readonly entry: PreparedEntry }
  | { readonly problem: HttpProblem['problem'] }
  | { readonly failure: string };

async function resultOf(job: EntryJob): Promise<EntryResult> {
  try {
    return { entry: await prepareEntry(job) };
  } catch (error) {
    if (error instanceof HttpProblem) return { problem: error.problem };
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** One list at a time; the results are in the order of the jobs. */
parentPort?.on('message', (jobs: EntryJobs) => {
  void Promise.all(jobs.map(resultOf)).then((results) => parentPort?.postMessage(results));
});
