import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/**
 * Addresses that only this machine or its own network can reach. A stranger names what is fetched,
 * so a fetch must not be usable to speak to the operator's own services.
 */
const refused = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  refused.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  refused.addSubnet(network, prefix, 'ipv6');

/** IPv4 addresses written as IPv6 (`::ffff:10.0.0.1`) are judged as IPv4. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  if (family === 4) return refused.check(address, 'ipv4');
  const bare = address.split('%')[0] ?? address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(new URL(`http://[${bare}]`).hostname);
  if (mapped?.[1] !== undefined) return refused.check(mapped[1], 'ipv4');
  return refused.check(bare, 'ipv6') || isMappedPrivate(bare);
}

function isMappedPrivate(address: string): boolean {
  const hex = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(
    new URL(`http://[${address}]`).hostname,
  );
  if (hex === null) return false;
  const [high, low] = [parseInt(hex[1] ?? '', 16), parseInt(hex[2] ?? '', 16)];
  return refused.check([high >> 8, high & 255, low >> 8, low & 255].join('.'), 'ipv4');
}

type LookupCallback = (
  error: Error | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

export type Lookup = (host: string, options: LookupOptions, done: LookupCallback) => void;

/**
 * Name resolution for sockets that refuses private addresses with the caller's own error. It runs
 * at connect time, so what is judged is what is connected to: a name cannot resolve to something
 * else in between.
 */
export function publicLookup(refuse: (host: string, address: string) => Error): Lookup {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, '');
        return;
      }
      const bad = addresses.find(({ address }) => isPrivateAddress(address));
      if (bad !== undefined) {
        done(refuse(host, bad.address), '');
        return;
      }
      const first = addresses[0];
      if (options.all === true || first === undefined) {
        done(null, addresses);
        return;
      }
      done(null, first.address, first.family);
    });
  };
}
