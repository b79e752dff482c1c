import { decodeUtf8, encodeUtf8 } from '@touchstone/note';
import type { z } from 'zod';
import { Problem, fieldPath } from './problem.js';
import type { Route, Routes } from './route.js';

/** The part of `fetch` that the client uses, so that core needs no DOM types. */
export type Fetch = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body?: string | Uint8Array<ArrayBuffer>;
    signal?: AbortSignalLike;
    redirect: 'error';
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** The platform's stream. Where there is none, all of the answer is read before it is measured. */
  readonly body?: AnswerStream | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}>;

/** What is needed of a ReadableStream of bytes. */
interface AnswerStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

/** The largest answer that is read, in bytes; that of an evidence file is as large. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** What `fetch` needs of an AbortSignal; the platform's own one fits. */
export interface AbortSignalLike {
  readonly aborted: boolean;
}

export type ClientErrorCode =
  'unreachable' | 'refused' | 'malformed-answer' | 'answer-too-large' | 'malformed-request';

/** A call that did not come back with a good answer; `problem` is the server's own word if any. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  constructor(
    readonly code: ClientErrorCode,
    message: string,
    readonly problem?: Problem,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface ClientOptions {
  /** Base URL of the server, with or without a slash at its end. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** The largest answer that is read; 32 MiB unless told. */
  readonly maxAnswerBytes?: number;
  /**
   * The value of the Authorization header for one request, if it needs one. The body is handed
   * over as the very bytes that will be sent, since request tokens bind them.
   */
  readonly authorize?: (request: {
    method: string;
    path: string;
    body: Uint8Array;
    auth: Route['auth'];
  }) => string | undefined | Promise<string | undefined>;
}

type Input<T, K extends 'params' | 'query' | 'body'> = T extends { readonly [P in K]: infer S }
  ? S extends z.ZodType
    ? { readonly [P in K]: z.input<S> }
    : { readonly [P in K]: Uint8Array<ArrayBuffer> }
  : unknown;

export type CallInput<T extends Route> = Input<T, 'params'> &
  Input<T, 'query'> &
  Input<T, 'body'> & { readonly signal?: AbortSignalLike };

export type CallResult<T extends Route> = T['response'] extends z.ZodType
  ? z.output<T['response']>
  : T['response'] extends 'bytes'
    ? Uint8Array
    : T['response'] extends 'text'
      ? string
      : undefined;

/** One async method per route. */
export type Client<T extends Routes> = {
  readonly [K in keyof T]: (input: CallInput<T[K]>) => Promise<CallResult<T[K]>>;
};

interface LooseInput {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
  readonly signal?: AbortSignalLike;
}

/** Makes the typed client of a route table. Throws {@link ClientError} only. */
export function makeClient<T extends Routes>(routes: T, options: ClientOptions): Client<T> {
  const methods: Record<string, (input: LooseInput) => Promise<unknown>> = {};
  for (const [name, route] of Object.entries(routes)) {
    methods[name] = (input) => call(route, input, options);
  }
  return methods as unknown as Client<T>;
}

async function call(route: Route, input: LooseInput, options: ClientOptions): Promise<unknown> {
  const path = fillPath(route, input);
  const body = encodeBody(route, input);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) {
    headers['content-type'] =
      route.body === 'bytes' ? 'application/octet-stream' : 'application/json';
  }
  const authorization = await options.authorize?.({
    method: route.method,
    path,
    body: body ?? new Uint8Array(),
    auth: route.auth,
  });
  if (authorization !== undefined) headers['authorization'] = authorization;

  const url = options.baseUrl.replace(/\/$/, '') + path;
  let status: number;
  let bytes: Uint8Array;
  try {
    const answer = await options.fetch(url, {
      method: route.method,
      headers,
      redirect: 'error',
      ...(body === undefined ? {} : { body }),
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    });
    status = answer.status;
    bytes = await readBounded(url, answer, options.maxAnswerBytes ?? MAX_ANSWER_BYTES);
  } catch (cause) {
    if (cause instanceof ClientError) throw cause;
    throw new ClientError('unreachable', `${url} could not be reached`, undefined, { cause });
  }
  return readAnswer(route, url, status, bytes);
}

/** Stops reading when there is more than `limit`, whatever the answer said of its length. */
async function readBounded(
  url: string,
  answer: Awaited<ReturnType<Fetch>>,
  limit: number,
): Promise<Uint8Array> {
  const refuse = (): never => {
    throw new ClientError('answer-too-large', `${url} answered with more than ${limit} bytes`);
  };
  const reader = answer.body?.getReader();
  if (reader === undefined) {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return bytes.length > limit ? refuse() : bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      refuse();
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function readAnswer(route: Route, url: string, status: number, bytes: Uint8Array): unknown {
  const { response } = route;
  if (status < 200 || status > 299) {
    const problem = Problem.safeParse(parseJson(bytes));
    if (problem.success) {
      throw new ClientError('refused', problem.data.detail, problem.data);
    }
    throw new ClientError('malformed-answer', `${url} answered ${status} without problem details`);
  }
  if (response === 'none') return undefined;
  if (response === 'bytes') return bytes;
  if (response === 'text') return decodeUtf8(bytes);
  const parsed = response.safeParse(parseJson(bytes));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = fieldPath(issue?.path ?? [], 'answer');
    throw new ClientError('malformed-answer', `${url}: ${field}: ${issue?.message ?? 'malformed'}`);
  }
  return parsed.data;
}

function fillPath(route: Route, input: LooseInput): string {
  const params = input.params ?? {};
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) {
      throw new ClientError('malformed-request', `parameter ${name} of ${route.path} is missing`);
    }
    // A colon may stand in a path segment (RFC 3986 section 3.3) and reads better unescaped.
    return encodeURIComponent(value).replaceAll('%3A', ':');
  });
  const query = Object.entries(input.query ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

function encodeBody(route: Route, input: LooseInput): Uint8Array<ArrayBuffer> | undefined {
  if (route.body === undefined) return undefined;
  if (route.body === 'bytes') return input.body as Uint8Array<ArrayBuffer>;
  return encodeUtf8(JSON.stringify(input.body)) as Uint8Array<ArrayBuffer>;
}

/** The JSON value in `bytes`, or undefined: a body that is no JSON fails its schema all the same. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    return undefined;
  }
}
