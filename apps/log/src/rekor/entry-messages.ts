import { HASH_SIZE } from '@touchstone/merkle';
import type { HttpProblem } from '../http-problem.js';
import type { EntryJob, PreparedEntry } from './prepare-entry.js';

/*
 * What goes between the event loop and the threads that make entries. It goes in lists, since a
 * message costs more than what is in it, and with all bytes of a list in one piece of memory, since
 * each piece costs as much again.
 */

/** What became of a job. A refusal is taken apart, since an error does not keep its kind. */
export type EntryResult =
  | { readonly entry: PreparedEntry }
  | { readonly problem: HttpProblem['problem'] }
  | { readonly failure: string };

export interface JobsMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A body is the next so many of the bytes, or a value that was read already. */
  readonly jobs: readonly (
    | { readonly api: EntryJob['api']; readonly size: number }
    | { readonly api: EntryJob['api']; readonly value: unknown }
  )[];
}

/** An entry whose bytes are the next of the message: body, payload, leaf hash, keys of the map. */
type SentEntry = Omit<PreparedEntry, 'body' | 'payload' | 'hash' | 'mapKeys'> & {
  readonly bodySize: number;
  readonly payloadSize?: number;
  readonly keysSize: number;
  readonly absent?: string;
};

export interface ResultsMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly results: readonly (
    { readonly entry: SentEntry } | Exclude<EntryResult, { readonly entry: PreparedEntry }>
  )[];
}

export function packJobs(jobs: readonly EntryJob[]): JobsMessage {
  const parts: Uint8Array[] = [];
  return {
    jobs: jobs.map(({ api, body }) => {
      if (!(body instanceof Uint8Array)) return { api, value: body };
      parts.push(body);
      return { api, size: body.length };
    }),
    bytes: joined(parts),
  };
}

export function unpackJobs({ bytes, jobs }: JobsMessage): EntryJob[] {
  const take = taker(bytes);
  return jobs.map((job) => ({ api: job.api, body: 'size' in job ? take(job.size) : job.value }));
}

export function packResults(results: readonly EntryResult[]): ResultsMessage {
  const parts: Uint8Array[] = [];
  return {
    results: results.map((result) => {
      if (!('entry' in result)) return result;
      const { body, payload, hash, mapKeys, ...rest } = result.entry;
      const { keys, ...absent } = mapKeys;
      parts.push(body, ...(payload ? [payload] : []), hash, keys);
      const sizes = {
        bodySize: body.length,
        ...(payload && { payloadSize: payload.length }),
        keysSize: keys.length,
      };
      return { entry: { ...rest, ...absent, ...sizes } };
    }),
    bytes: joined(parts),
  };
}

export function unpackResults({ bytes, results }: ResultsMessage): EntryResult[] {
  const take = taker(bytes);
  return results.map((result) => {
    if (!('entry' in result)) return result;
    const { bodySize, payloadSize, keysSize, absent, ...rest } = result.entry;
    return {
      entry: {
        ...rest,
        body: take(bodySize),
        ...(payloadSize !== undefined && { payload: take(payloadSize) }),
        hash: take(HASH_SIZE),
        // A copy: they are held for longer than all the rest.
        mapKeys: { keys: take(keysSize).slice(), ...(absent !== undefined && { absent }) },
      },
    };
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Hands out the bytes from the first to the last. */
function taker(bytes: Uint8Array): (size: number) => Uint8Array {
  let at = 0;
  return (size) => {
    at += size;
    return bytes.subarray(at - size, at);
  };
}
