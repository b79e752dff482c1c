import { resolve } from 'node:path';
import type { Transport } from '@touchstone/atecc608';
import { CliError, EXIT } from '../failure.js';

/** Where a chip is. */
export type DeviceAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `/dev/i2c-<bus>`, and the part's address of seven bits. */
  | { readonly kind: 'i2c'; readonly bus: number; readonly address: number };

export const DEVICE_ADDRESS = 'unix:PATH, tcp:HOST:PORT or i2c:BUS:ADDRESS';

/** A line to a chip that has to be let go of. */
export interface DeviceTransport extends Transport {
  close(): void;
}

/** @throws CliError `device-address` */
export function parseDeviceAddress(text: string): DeviceAddress {
  const unix = /^unix:(.+)$/.exec(text);
  if (unix?.[1] !== undefined) return { kind: 'unix', path: resolve(unix[1]) };
  const tcp = /^tcp:(.+):(\d{1,5})$/.exec(text);
  const port = Number(tcp?.[2]);
  if (tcp?.[1] !== undefined && port >= 1 && port <= 65_535) {
    return { kind: 'tcp', host: tcp[1].replace(/^\[(.*)\]$/, '$1'), port };
  }
  const i2c = /^i2c:(\d{1,3}):0x([0-9a-f]{2})$/i.exec(text);
  const address = Number.parseInt(i2c?.[2] ?? '', 16);
  // Addresses below 8 and above 0x77 are reserved by the bus.
  if (i2c !== null && address >= 0x08 && address <= 0x77) {
    return { kind: 'i2c', bus: Number(i2c[1]), address };
  }
  throw new CliError(
    'device-address',
    `${JSON.stringify(text)} is not ${DEVICE_ADDRESS}, such as i2c:1:0x60`,
    EXIT.usage,
  );
}
