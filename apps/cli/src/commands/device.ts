import { resolve } from 'node:path';
import { once } from 'node:events';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { startSimulator, type Listen } from '../device/simulator.js';
import { registerImport } from './airgap-site.js';
import { registerProvisioning } from './device-provision.js';
import { registerSiteStatus, registerVerifyArtifact } from './device-site.js';

interface SimulateOptions {
  listen: Listen;
  state?: string;
  seed?: Uint8Array;
  json?: boolean;
}

export function registerDevice(program: Command, context: Context): void {
  const device = program
    .command('device')
    .description('devices that sign with an ATECC608')
    .addHelpText('after', '\nExample:\n  touchstone device status --site hut');
  device
    .command('simulate')
    .description('a simulated ATECC608 behind a socket, for want of the real one')
    .requiredOption('--listen <address>', 'unix:PATH or tcp:HOST:PORT', listenAddress)
    .option('--state <file>', 'keep the EEPROM here, private keys among it; made when absent')
    .option('--seed <hex>', 'same seed, same keys and random numbers: for tests only', seed)
    .option('--json', 'print the address as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device simulate --listen unix:/tmp/chip.sock --state chip.eeprom',
    )
    .action((options: SimulateOptions) => simulate(options, context));
  registerProvisioning(device, context);
  registerImport(device, context);
  registerSiteStatus(device, context);
  registerVerifyArtifact(device, context);
}

async function simulate(options: SimulateOptions, { terminal, stop }: Context): Promise<void> {
  const simulator = await startSimulator({
    listen: options.listen,
    ...(options.state === undefined ? {} : { stateFile: resolve(options.state) }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  });
  try {
    if (options.json === true) terminal.json({ address: simulator.address });
    else terminal.print(`listening on ${simulator.address}`);
    if (!stop.aborted) await once(stop, 'abort');
  } finally {
    await simulator.close();
  }
}

function listenAddress(text: string): Listen {
  const unix = /^unix:(.+)$/.exec(text);
  if (unix !== null) return { kind: 'unix', path: resolve(unix[1]!) };
  const tcp = /^tcp:(.+):(\d{1,5})$/.exec(text);
  const port = Number(tcp?.[2]);
  if (tcp === null || port > 65_535) {
    throw new InvalidArgumentError('must be unix:PATH or tcp:HOST:PORT');
  }
  return { kind: 'tcp', host: tcp[1]!.replace(/^\[(.*)\]$/, '$1'), port };
}

function seed(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}){1,64}$/i.test(text)) {
    throw new InvalidArgumentError('must be 1 to 64 bytes in hexadecimal');
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}
