import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isPrivateAddress, publicLookup, refuseAddress } from './address.js';
import { RebuildError } from '../errors.js';
import { openTunnel } from './proxy.js';

export interface DownloadOptions {
  /**
   * Origins (`https://host`) that may be asked, redirects included. Without them, every https
   * origin on a public address: for files whose address stands in a recipe beside their digest.
   */
  readonly origins?: ReadonlySet<string>;
  /** The operator's word that registries on private or local addresses are meant. */
  readonly allowPrivate?: boolean;
  readonly ca?: string;
  readonly proxy?: string;
  readonly noProxy?: readonly string[];
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte before an attempt is given up. */
  readonly idleTimeout?: number;
  /** Milliseconds for one attempt in all. */
  readonly totalTimeout?: number;
  readonly attempts?: number;
  /** Milliseconds before the second attempt; doubles with each further one. */
  readonly backoff?: number;
}

const MAX_REDIRECTS = 5;

/**
 * Fetches `url` and hands the body to `consume`, anew for each attempt: failures of the network
 * and answers 429 and 5xx are tried again, everything else is final.
 *
 * @throws RebuildError `host-not-allowed`, `address-not-allowed`, `source-not-found` (404),
 *   `source-unreachable`, `aborted`, and whatever coded error `consume` throws
 */
export async function download<T>(
  url: string,
  options: DownloadOptions,
  consume: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const attempts = options.attempts ?? 3;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptDownload(new URL(url), options, consume);
    } catch (error) {
      if (options.signal?.aborted === true)
        throw new RebuildError('aborted', `fetching ${url} was aborted`, { cause: error });
      const cause =
        error instanceof Error && error.cause instanceof RebuildError ? error.cause : error;
      if (cause instanceof RebuildError) throw cause;
      if (attempt >= attempts)
        throw new RebuildError(
          'source-unreachable',
          `${url} could not be fetched in ${attempts} attempts: ${reason(error)}`,
          { cause: error },
        );
      await delay((options.backoff ?? 500) * 2 ** (attempt - 1), undefined, {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }).catch(() => undefined);
    }
  }
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ');
  return error instanceof Error ? error.message : String(error);
}

async function attemptDownload<T>(
  start: URL,
  options: DownloadOptions,
  consume: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(options.totalTimeout ?? 300_000);
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const response = await get(url, options, signal);
    const status = response.statusCode ?? 0;
    if (status === 200) return consume(response);
    response.destroy();
    if ([301, 302, 303, 307, 308].includes(status)) {
      const target = response.headers.location ?? '';
      if (!URL.canParse(target, url.href)) throw new Error(`${url.href} redirects to nowhere`);
      url = new URL(target, url);
      continue;
    }
    if (status === 404 || status === 410)
      throw new RebuildError('source-not-found', `${url.href} does not exist (HTTP ${status})`);
    if (status === 429 || status >= 500) throw new Error(`HTTP ${status} from ${url.href}`);
    throw new RebuildError('source-unreachable', `${url.href} answered HTTP ${status}`);
  }
  throw new RebuildError(
    'source-unreachable',
    `${start.href} redirects more than ${MAX_REDIRECTS} times`,
  );
}

async function get(
  url: URL,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  checkOrigin(url, options);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (options.allowPrivate !== true && isIP(host) !== 0 && isPrivateAddress(host))
    throw refuseAddress(host, host);
  const request: RequestOptions & { ca?: string } = {
    signal,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'touchstone' },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.allowPrivate === true ? {} : { lookup: publicLookup }),
  };
  if (
    options.proxy !== undefined &&
    url.protocol === 'https:' &&
    !isExempt(host, options.noProxy)
  ) {
    // The proxy resolves the name; it is the operator's, and so is what it lets through.
    const socket = await openTunnel(options.proxy, url, options.ca, signal);
    request.createConnection = () => socket;
  } else request.agent = false;
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = send(url, request, resolve);
    outgoing.on('error', reject);
    outgoing.setTimeout(options.idleTimeout ?? 30_000, () => {
      outgoing.destroy(new Error(`no byte from ${url.host} for a while`));
    });
    outgoing.end();
  });
}

function checkOrigin(url: URL, { origins, allowPrivate }: DownloadOptions): void {
  if (origins === undefined) {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && allowPrivate === true)) return;
    throw new RebuildError(
      'host-not-allowed',
      `${url.origin} is not asked: files are fetched by https alone`,
    );
  }
  if (!origins.has(url.origin))
    throw new RebuildError(
      'host-not-allowed',
      `${url.origin} is not a registry that npm's configuration names: nothing is fetched from it`,
    );
}

export function isExempt(host: string, noProxy: readonly string[] = []): boolean {
  return noProxy.some(
    (entry) =>
      entry === '*' ||
      host === entry.replace(/^\./, '') ||
      host.endsWith(`.${entry.replace(/^\./, '')}`),
  );
}
