import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { once } from 'node:events';
import { Atecc608Session } from '@touchstone/atecc608';
import { publicKeyToPem } from '@touchstone/keys';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { planProvisioning, provision } from '../device/provision.js';
import { DEVICE_ADDRESS, parseDeviceAddress } from '../device/device-address.js';
import { openTransport } from '../device/device-transport.js';
import { startSimulator, type Listen } from '../device/simulator.js';
import { registerImport } from './airgap-site.js';
import { registerSiteStatus, registerVerifyArtifact } from './device-site.js';

interface SimulateOptions {
  listen: Listen;
  state?: string;
  seed?: Uint8Array;
  json?: boolean;
}

export function registerDevice(program: Command, context: Context): void {
  const device = program.command('device').description('devices that sign with an ATECC608');
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
  device
    .command('provision')
    .description("make the device's key in an open chip and lock it: cannot be undone")
    .requiredOption('--chip <address>', DEVICE_ADDRESS)
    .option('--yes', 'do it; without this the plan is printed and nothing is written')
    .option('--out <file>', "where the device's public key goes (PEM)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device provision --chip unix:/run/chip.sock --yes --out hut.pub.pem',
    )
    .action((options: ProvisionOptions) => provisionChip(options, context));
  registerImport(device, context);
  registerSiteStatus(device, context);
  registerVerifyArtifact(device, context);
}

interface ProvisionOptions {
  chip: string;
  yes?: boolean;
  out?: string;
  json?: boolean;
}

async function provisionChip(options: ProvisionOptions, { terminal }: Context): Promise<void> {
  const transport = await openTransport(parseDeviceAddress(options.chip));
  try {
    const plan = await planProvisioning(new Atecc608Session(transport));
    const key = options.yes === true ? await provision(transport, plan) : undefined;
    const pem = key && publicKeyToPem(key);
    if (pem !== undefined && options.out !== undefined) await writeFile(options.out, pem);
    const { serial, slots } = plan;
    if (options.json === true) {
      const configuration = Buffer.from(plan.configuration).toString('hex');
      terminal.json({ serial, slots, configuration, done: key !== undefined, key: pem });
      return;
    }
    terminal.print(`device ${serial}`);
    for (const { slot, purpose } of slots) terminal.print(`  slot ${slot}: ${purpose}`);
    terminal.print('  all other slots: closed for good');
    terminal.print(pem?.trimEnd() ?? 'nothing was written; --yes carries this out for good');
  } finally {
    transport.close();
  }
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
