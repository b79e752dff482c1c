import { parentPort } from 'node:worker_threads';
import { HttpProblem } from '../http-problem.js';
import { packResults, unpackJobs } from './entry-messages.js';
import type { EntryResult, JobsMessage } from './entry-messages.js';
import { prepareEntry } from './prepare-entry.js';
import type { EntryJob } from './prepare-entry.js';

async function resultOf(job: EntryJob): Promise<EntryResult> {
  try {
    return { entry: await prepareEntry(job) };
  } catch (error) {
    if (error instanceof HttpProblem) return { problem: error.problem };
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

async function answer(message: JobsMessage): Promise<void> {
  const results = packResults(await Promise.all(unpackJobs(message).map(resultOf)));
  parentPort?.postMessage(results, [results.bytes.buffer]);
}

/** One list at a time; the results are in the order of the jobs. */
parentPort?.on('message', (message: JobsMessage) => void answer(message));
