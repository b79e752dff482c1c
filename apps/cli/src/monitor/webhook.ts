import { lookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { CliError, EXIT } from '../failure.js';

const TIMEOUT_MS = 10_000;

/** Where nothing that the public internet may be told about lives (IANA special-purpose registries). */
const SPECIAL: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // Of IPv6 only 2000::/3 is given out; what wraps an IPv4 address in it is refused with the rest.
  ['::', 3, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['3fff::', 20, 'ipv6'],
  ['4000::', 2, 'ipv6'],
  ['8000::', 1, 'ipv6'],
];

/** One list each: in a common one an IPv4 address falls under ::/3, as the mapped one it could be. */
const blocked = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [net, prefix, family] of SPECIAL) blocked[family].addSubnet(net, prefix, family);

/** Whether an address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return !blocked[family].check(address, family);
}

/** Where findings are sent. */
export class Webhook {
  readonly #url: URL;
  readonly #allowPrivate: boolean;

  /** @throws CliError `webhook-refused` */
  constructor(text: string, allowPrivate: boolean) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      throw new CliError('webhook-refused', `${text} is no http or https URL`, EXIT.usage);
    }
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) throw refused(host);
    this.#url = url;
    this.#allowPrivate = allowPrivate;
  }

  /** Resolves once the other side took it (2xx). Redirects are not followed. */
  async send(body: string): Promise<void> {
    const request = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    const status = await new Promise<number>((done, fail) => {
      const sent = request(
        this.#url,
        {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
          signal: AbortSignal.timeout(TIMEOUT_MS),
          // The address that is connected to is the one checked here: a name cannot change between.
          ...(this.#allowPrivate ? {} : { lookup: publicOnly }),
        },
        (answer) => {
          answer.resume();
          done(answer.statusCode ?? 0);
        },
      );
      sent.on('error', fail);
      sent.end(body);
    }).catch((cause: unknown) => {
      if (cause instanceof CliError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CliError('webhook-failed', `the webhook was not reached: ${why}`, EXIT.absent, {
        cause,
      });
    });
    if (status < 200 || status > 299) {
      throw new CliError('webhook-failed', `the webhook answered ${status}`, EXIT.absent);
    }
  }
}

const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '', 4);
      return;
    }
    const [first] = addresses;
    const hidden = addresses.find(({ address }) => !isPublicAddress(address));
    if (hidden) callback(refused(`${hostname} (${hidden.address})`), '', 4);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family);
  });
};

function refused(host: string): CliError {
  return new CliError(
    'webhook-refused',
    `${host} is a private address; say --allow-private when that is meant`,
    EXIT.usage,
  );
}
