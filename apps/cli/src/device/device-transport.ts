import type { DeviceAddress, DeviceTransport } from './device-address.js';
import { openI2c } from './i2c.js';
import { SocketTransport } from './socket-transport.js';

/**
 * Opens a line to a chip; whether one is there shows when it is woken.
 *
 * @throws Atecc608Error `no-response`; CliError `device-i2c`
 */
export function openTransport(address: DeviceAddress): Promise<DeviceTransport> {
  return address.kind === 'i2c'
    ? openI2c(address.bus, address.address)
    : SocketTransport.open(address);
}
