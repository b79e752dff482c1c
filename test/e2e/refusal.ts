import { Problem } from '@touchstone/contract';
import { expect } from 'vitest';
import type { Stand } from './stand.js';

/** A request to the coordinator, as its client would never send it. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly token?: string;
  readonly type?: string;
}

export async function send(
  stand: Stand,
  { method, path, body, token, type = 'application/json' }: Sent,
) {
  const answer = await fetch(stand.url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: body as string }),
  });
  const json: unknown = answer.status === 204 ? undefined : await answer.json();
  return { status: answer.status, type: answer.headers.get('content-type'), json };
}

/** Sends, and expects problem details with this code and an untouched database. */
export async function expectRefusal(
  stand: Stand,
  sent: Sent,
  status: number,
  code: string,
  field?: string,
) {
  const before = await stand.state();
  const answer = await send(stand, sent);
  const problem = Problem.parse(answer.json);
  expect({ status: answer.status, code: problem.code }).toEqual({ status, code });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  if (field !== undefined) expect(problem.field).toBe(field);
  expect(await stand.state()).toBe(before);
}
