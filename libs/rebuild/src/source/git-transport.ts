import { isIP, type LookupFunction } from 'node:net';
import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { RebuildError } from '../errors.js';
import { isPrivateAddress, publicLookup, refuseAddress } from './address.js';
import { isExempt } from './download.js';

export interface GitTransportOptions {
  /** The operator's word that hosts on private or local addresses, and plain http, are meant. */
  readonly allowPrivate?: boolean;
  /** The operator's word that `file://` repositories of this machine are meant. */
  readonly allowFiles?: boolean;
  /** PEM file of certificate authorities. */
  readonly caFile?: string;
  readonly proxy?: string;
  readonly noProxy?: readonly string[];
}

export interface GitTransport {
  /** Of git's `-c`. */
  readonly settings: readonly string[];
  readonly protocols: string;
}

/**
 * How a URL may be fetched from, decided before git sees it: git resolves names by itself, so the
 * addresses that were judged here are handed to it, and it follows no redirect.
 *
 * @throws RebuildError `git-url`, `host-not-allowed`, `address-not-allowed`, `source-unreachable`
 */
export async function gitTransport(
  text: string,
  options: GitTransportOptions,
): Promise<GitTransport> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || [url.username, url.password, url.search, url.hash].join('') !== '')
    throw new RebuildError('git-url', `${JSON.stringify(text)} is no plain URL of a repository`);
  if (url.protocol === 'file:') {
    if (options.allowFiles === true && url.hostname === '')
      return { settings: [], protocols: 'file' };
    throw new RebuildError(
      'git-url',
      `${text} is a folder of this machine; the operator must opt in`,
    );
  }
  if (url.protocol === 'http:' && options.allowPrivate !== true)
    throw new RebuildError('git-url', `${text} is not asked: commits are fetched by https alone`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new RebuildError('git-url', `${url.protocol} is no transport that is spoken; use https`);
  const settings = options.caFile === undefined ? [] : [`http.sslCAInfo=${options.caFile}`];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (
    options.proxy !== undefined &&
    url.protocol === 'https:' &&
    !isExempt(host, options.noProxy)
  ) {
    // The proxy resolves the name; it is the operator's, and so is what it lets through.
    if (isIP(host) !== 0 && options.allowPrivate !== true && isPrivateAddress(host))
      throw refuseAddress(host, host);
    return { settings: [...settings, `http.proxy=${options.proxy}`], protocols: 'https' };
  }
  const addresses = await addressesOf(host, options.allowPrivate === true);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const pinned =
    isIP(host) === 0 ? [`http.curloptResolve=${host}:${port}:${addresses.join(',')}`] : [];
  return {
    settings: [...settings, ...pinned, 'http.proxy='],
    protocols: url.protocol.slice(0, -1),
  };
}

async function addressesOf(host: string, allowPrivate: boolean): Promise<string[]> {
  if (isIP(host) !== 0) {
    if (!allowPrivate && isPrivateAddress(host)) throw refuseAddress(host, host);
    return [host];
  }
  const find: LookupFunction = allowPrivate ? resolveName : publicLookup;
  const found = await new Promise<LookupAddress[]>((resolve, reject) => {
    find(host, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses as LookupAddress[]);
      else reject(error);
    });
  }).catch((error: unknown) => {
    if (error instanceof RebuildError) throw error;
    throw new RebuildError('source-unreachable', `${host} has no address`, { cause: error });
  });
  return found.map(({ address, family }) => (family === 6 ? `[${address}]` : address));
}
