import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ClientError, makeClient, problem, type Fetch } from './index.js';
import { defineRoutes } from './route.js';

const routes = defineRoutes({
  read: {
    method: 'GET',
    path: '/v1/things/{id}',
    summary: 'a thing',
    auth: 'none',
    params: z.strictObject({ id: z.string() }),
    query: z.strictObject({ after: z.string().optional(), limit: z.number().optional() }),
    response: z.object({ name: z.string() }),
  },
  write: {
    method: 'POST',
    path: '/v1/things',
    summary: 'make a thing',
    auth: 'rebuilder',
    body: z.strictObject({ name: z.string() }),
    response: 'none',
  },
});

type Sent = Parameters<Fetch>[1] & { url: string };

/** A client whose server answers this, and what it sent. */
function clientOf(status: number, answer: string | Uint8Array) {
  const sent: Sent[] = [];
  const bound: { path: string; body: Uint8Array; auth: string }[] = [];
  const client = makeClient(routes, {
    baseUrl: 'https://server.example/',
    fetch: (url, init) => {
      sent.push({ url, ...init });
      const bytes = typeof answer === 'string' ? new TextEncoder().encode(answer) : answer;
      return Promise.resolve({
        status,
        headers: { get: () => null },
        arrayBuffer: () => Promise.resolve(new Uint8Array(bytes).buffer),
      });
    },
    authorize: (request) => {
      bound.push(request);
      return request.auth === 'rebuilder' ? 'Bearer token' : undefined;
    },
  });
  return { client, sent, bound };
}

const read = (status: number, answer: string | Uint8Array) =>
  clientOf(status, answer).client.read({ params: { id: 'a' }, query: {} });

describe('the client of a route table', () => {
  it('writes path, query and body, follows no redirect, and has the very bytes authorised', async () => {
    const { client, sent, bound } = clientOf(204, '');
    await client.write({ body: { name: 'ä' } });
    expect(sent[0]).toMatchObject({
      url: 'https://server.example/v1/things',
      method: 'POST',
      redirect: 'error',
      headers: { 'content-type': 'application/json', authorization: 'Bearer token' },
    });
    expect(bound[0]?.body).toBe(sent[0]?.body);

    const other = clientOf(200, '{"name":"b"}');
    const input = { params: { id: '../a?b:c' }, query: { after: undefined, limit: 2 } };
    expect(await other.client.read(input)).toEqual({ name: 'b' });
    expect(other.sent[0]?.url).toBe('https://server.example/v1/things/..%2Fa%3Fb:c?limit=2');
    expect(other.sent[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each<[string, number, string | Uint8Array, string]>([
    ['a refusal', 409, JSON.stringify(problem('lease-lapsed', 409, 'it has')), 'refused'],
    ['a refusal without problem details', 502, '<html>', 'malformed-answer'],
    ['a refusal of an unknown kind', 400, '{"code":"novel"}', 'malformed-answer'],
    ['an answer of another shape', 200, '{"title":"b"}', 'malformed-answer'],
    ['an answer that is no JSON', 200, 'b', 'malformed-answer'],
    ['an answer that is no UTF-8', 200, Uint8Array.of(0x22, 0xff, 0x22), 'malformed-answer'],
  ])('tells %s', async (_, status, answer, code) => {
    await expect(read(status, answer)).rejects.toMatchObject({ code });
  });

  it('hands on what the server said', async () => {
    const said = problem('lease-lapsed', 409, 'it has', 'leaseToken');
    const error: unknown = await read(409, JSON.stringify(said)).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ClientError);
    expect((error as ClientError).problem).toEqual(said);
  });

  it('tells a server that cannot be reached', async () => {
    const fetch: Fetch = () => Promise.reject(new Error('connection refused'));
    const client = makeClient(routes, { baseUrl: 'https://server.example', fetch });
    await expect(client.write({ body: { name: 'a' } })).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('does not send what lacks a part of its path', async () => {
    const { client, sent } = clientOf(200, '{}');
    const input = { params: {} as { id: string }, query: {} };
    await expect(client.read(input)).rejects.toMatchObject({ code: 'malformed-request' });
    expect(sent).toEqual([]);
  });
});

describe('an answer without end', () => {
  const reading = (maxAnswerBytes: number | undefined, chunks: number) => {
    let given = 0;
    let cancelled = false;
    const reader = {
      read: () => Promise.resolve({ done: given++ >= chunks, value: new Uint8Array(1024) }),
      cancel: () => {
        cancelled = true;
        return Promise.resolve();
      },
    };
    const client = makeClient(routes, {
      baseUrl: 'https://server.example/',
      ...(maxAnswerBytes === undefined ? {} : { maxAnswerBytes }),
      fetch: () =>
        Promise.resolve({
          status: 200,
          headers: { get: () => null },
          body: { getReader: () => reader },
          arrayBuffer: () => Promise.reject(new Error('all of it was asked for')),
        }),
    });
    const answer = client.read({ params: { id: 'a' }, query: {} });
    return { answer, seen: () => ({ given, cancelled }) };
  };

  it('is not read beyond the limit', async () => {
    const { answer, seen } = reading(2048, Number.MAX_SAFE_INTEGER);
    await expect(answer).rejects.toMatchObject({ code: 'answer-too-large' });
    expect(seen()).toEqual({ given: 3, cancelled: true });
    const all = reading(undefined, Number.MAX_SAFE_INTEGER);
    await expect(all.answer).rejects.toMatchObject({ code: 'answer-too-large' });
  });

  it('is read up to the limit', async () => {
    const { answer } = reading(2048, 2);
    await expect(answer).rejects.toMatchObject({ code: 'malformed-answer' });
  });
});
