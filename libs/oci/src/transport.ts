import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isPrivateAddress, publicLookup } from './address.js';
import { OciError } from './errors.js';

export interface TransportOptions {
  /** Registries, `host[:port]`, that the operator means although they are on private addresses. */
  readonly privateHosts?: ReadonlySet<string>;
  /** Registries that are spoken to without TLS. */
  readonly plainHosts?: ReadonlySet<string>;
  /** PEM of certificate authorities. */
  readonly ca?: string;
  /** Milliseconds without a byte before an attempt is given up. */
  readonly idleTimeout?: number;
  /** Milliseconds for one attempt in all. */
  readonly totalTimeout?: number;
  readonly attempts?: number;
  /** Milliseconds before the second attempt; doubles with each further one. */
  readonly backoff?: number;
}

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How many redirects of a GET or HEAD are followed; none unless told. */
  readonly redirects?: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The URL that answered, redirects followed. */
  readonly url: URL;
  readonly body: IncomingMessage;
}

const refuse = (host: string, address: string): OciError =>
  new OciError(
    'address-not-allowed',
    `${host} resolves to ${address}, which is private, local or reserved; the operator must name such registries`,
  );

/** One request; redirects are judged like the first URL, and never carry authorization elsewhere. */
export async function send(ask: Ask, options: TransportOptions): Promise<Answer> {
  const deadline = AbortSignal.timeout(options.totalTimeout ?? 600_000);
  const signal = ask.signal ? AbortSignal.any([deadline, ask.signal]) : deadline;
  let { url } = ask;
  let headers = { ...ask.headers };
  for (let hop = 0; ; hop += 1) {
    const body = await once({ ...ask, url, headers }, options, signal);
    const status = body.statusCode ?? 0;
    const target = body.headers.location;
    if (
      ![301, 302, 303, 307, 308].includes(status) ||
      target === undefined ||
      ask.redirects === undefined
    )
      return { status, headers: body.headers, url, body };
    body.destroy();
    if (hop >= ask.redirects)
      throw new OciError('redirect-refused', `${ask.url.href} redirects more than ${hop} times`);
    const next = URL.canParse(target, url.href) ? new URL(target, url) : undefined;
    if (next === undefined || (next.protocol !== 'https:' && next.host !== url.host))
      throw new OciError('redirect-refused', `${url.origin} redirects to no https address`);
    if (next.origin !== url.origin) {
      const { authorization: _, ...rest } = headers;
      headers = rest;
    }
    url = next;
  }
}

/**
 * The same, tried again after failures of the network and answers 429 and 5xx. Only for requests
 * that may be repeated.
 */
export async function sendAgain(ask: Ask, options: TransportOptions): Promise<Answer> {
  const attempts = options.attempts ?? 3;
  for (let attempt = 1; ; attempt += 1) {
    let why: unknown;
    try {
      const answer = await send(ask, options);
      if (answer.status !== 429 && answer.status < 500) return answer;
      answer.body.destroy();
      why = new Error(`HTTP ${answer.status}`);
    } catch (error) {
      if (error instanceof OciError) throw error;
      why = error;
    }
    if (ask.signal?.aborted === true)
      throw new OciError('aborted', `asking ${ask.url.host} was aborted`, { cause: why });
    if (attempt >= attempts) throw unreachable(ask.url, why);
    await delay((options.backoff ?? 500) * 2 ** (attempt - 1), undefined, {
      ...(ask.signal === undefined ? {} : { signal: ask.signal }),
    }).catch(() => undefined);
  }
}

function unreachable(url: URL, cause: unknown): OciError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OciError('unreachable', `${url.origin} does not answer: ${reason}`, { cause });
}

async function once(
  ask: Ask,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { url, method, body, headers } = ask;
  const isPrivate = options.privateHosts?.has(url.host) === true;
  const isPlain = url.protocol === 'http:' && options.plainHosts?.has(url.host) === true;
  if (url.protocol !== 'https:' && !isPlain)
    throw new OciError('address-not-allowed', `${url.origin} is not asked without TLS`);
  if (url.username !== '' || url.password !== '')
    throw new OciError('address-not-allowed', `a URL of ${url.host} carries a user name`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!isPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw refuse(host, host);
  const settings: RequestOptions = {
    method,
    signal,
    agent: false,
    headers: {
      'user-agent': 'touchstone',
      'accept-encoding': 'identity',
      ...headers,
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
      ...(body === undefined && (method === 'POST' || method === 'PUT')
        ? { 'content-length': '0' }
        : {}),
    },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(isPrivate ? {} : { lookup: publicLookup(refuse) }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(
      url,
      settings,
      resolve,
    );
    outgoing.on('error', (error) => {
      reject(error.cause instanceof OciError ? error.cause : error);
    });
    outgoing.setTimeout(options.idleTimeout ?? 30_000, () => {
      outgoing.destroy(new Error(`no byte from ${url.host} for a while`));
    });
    outgoing.end(body);
  });
}

/**
 * Reads a body of at most `maxBytes`.
 * @throws OciError `too-large`, `unreachable` when it breaks off, `aborted`
 */
export async function readBody(
  { body, url }: Answer,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxBytes)
        throw new OciError('too-large', `${url.origin} sends more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof OciError) throw error;
    if (signal?.aborted === true)
      throw new OciError('aborted', `asking ${url.host} was aborted`, { cause: error });
    throw unreachable(url, error);
  }
  return Buffer.concat(chunks);
}
