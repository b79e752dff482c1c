import { setTimeout as pause } from 'node:timers/promises';
import { I2cTransport } from '@touchstone/atecc608';
// eslint-disable-next-line @nx/enforce-module-boundaries -- the rule does not know optional dependencies
import type { PromisifiedBus } from 'i2c-bus';
import { CliError, EXIT } from '../failure.js';
import type { DeviceTransport } from './device-address.js';

/**
 * A chip on `/dev/i2c-<bus>` through the npm package `i2c-bus`. That package is optional and has
 * native code, which our installation does not build: who has a chip builds it once.
 *
 * @throws CliError `device-i2c`
 */
export async function openI2c(bus: number, address: number): Promise<DeviceTransport> {
  const opened = await openBus(bus);
  const transport = new I2cTransport(
    {
      write: async (to, bytes) => {
        await opened.i2cWrite(to, bytes.length, Buffer.from(bytes));
      },
      read: async (from, length) => {
        const { buffer } = await opened.i2cRead(from, length, Buffer.alloc(length));
        return new Uint8Array(buffer);
      },
    },
    { address, pause: (milliseconds) => pause(milliseconds) },
  );
  return Object.assign(transport, { close: () => void opened.close() });
}

async function openBus(bus: number): Promise<PromisifiedBus> {
  try {
    // eslint-disable-next-line @nx/enforce-module-boundaries -- as above
    const { openPromisified } = await import('i2c-bus');
    return await openPromisified(bus);
  } catch (cause) {
    throw new CliError(
      'device-i2c',
      `/dev/i2c-${bus} cannot be had: ${cause instanceof Error ? cause.message.split('\n')[0] : 'no reason'}; the bus must be enabled and readable, and its package built: npm rebuild i2c-bus --ignore-scripts=false`,
      EXIT.absent,
      { cause },
    );
  }
}
