import { readFile, writeFile } from 'node:fs/promises';
import { Atecc608Session } from '@touchstone/atecc608';
import { publicKeyFromPem, publicKeyToPem, readPrivateKey } from '@touchstone/keys';
import type { PublicKey } from '@touchstone/note';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { DEVICE_ADDRESS, parseDeviceAddress } from '../device/device-address.js';
import {
  readChipCertificate,
  verifyDeviceCertificate,
  type DevicePki,
} from '../device/device-certificate.js';
import { SLOT, trustExporter } from '../device/device-slots.js';
import { makeIoKey } from '../device/io-key.js';
import { openTransport } from '../device/device-transport.js';
import { compressPkiCertificate } from '../device/pki-certificate.js';
import {
  planProvisioning,
  provision,
  type Authority,
  type Provisioned,
  type ProvisionPlan,
} from '../device/provision.js';
import { CliError, EXIT } from '../failure.js';
import { authorityFile, openAuthority } from '../pki/authority-folder.js';
import { readCertificates } from '../pki/certificate-files.js';
import { isRoot, recordIssued } from '../pki/new-certificate.js';
import type { Terminal } from '../terminal.js';

/** A chip's keys and certificates: made once, read again, and exporters exchanged. */
export function registerProvisioning(device: Command, context: Context): void {
  registerProvision(device, context);
  registerCertificate(device, context);
  registerTrust(device, context);
  registerCompress(device, context);
}

interface ProvisionOptions {
  chip: string;
  organisation?: string;
  caKey?: string;
  pki?: string;
  exporter?: string[];
  ioKey?: string;
  yes?: boolean;
  out?: string;
  certificateOut?: string;
  json?: boolean;
}

function registerProvision(device: Command, context: Context): void {
  device
    .command('provision')
    .description("make the device's key in an open chip and lock it: cannot be undone")
    .requiredOption('--chip <address>', DEVICE_ADDRESS)
    .option('--organisation <name>', 'whose device it is: gives it a certificate, with --ca-key')
    .option('--ca-key <file>', "the organisation's private key (P-256)")
    .option('--pki <folder>', 'an authority of touchstone pki instead: certificate in role device')
    .option('--exporter <file...>', 'public keys (PEM) of at most two exporters to believe')
    .option('--io-key <file>', 'share this key with the chip; made (mode 0600) when absent')
    .option('--yes', 'do it; without this the plan is printed and nothing is written')
    .option('--out <file>', "where the device's public key goes (PEM)")
    .option('--certificate-out <file>', "where the device's certificate goes (PEM)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device provision --chip unix:/run/chip.sock --organisation Acme --ca-key ca.pem --exporter exporter.pub.pem --yes --certificate-out hut.crt',
    )
    .action((options: ProvisionOptions) => provisionChip(options, context));
}

async function provisionChip(options: ProvisionOptions, { terminal }: Context): Promise<void> {
  const authority = await authorityOf(options);
  await withChip(options.chip, async (session, transport) => {
    const { ioKey } = options;
    // The plan is the same with any key.
    const make = options.yes === true ? makeIoKey : () => new Uint8Array(32);
    const shared = ioKey === undefined ? undefined : await make(ioKey);
    const plan = await planProvisioning(session, authority, shared);
    const done = options.yes === true ? await provision(transport, plan) : undefined;
    const pem = done && publicKeyToPem(done.key);
    const between = (authority?.pki?.chain ?? []).filter((each) => !isRoot(each));
    const certificate =
      done?.certificate && [done.certificate, ...between].map(certificatePem).join('');
    if (pem !== undefined && options.out !== undefined) await writeFile(options.out, pem);
    if (certificate !== undefined && options.certificateOut !== undefined) {
      await writeFile(options.certificateOut, certificate);
    }
    if (options.json !== true) {
      show(plan, done, terminal);
      return;
    }
    const { serial, slots } = plan;
    const configuration = Buffer.from(plan.configuration).toString('hex');
    terminal.json({
      ...{ serial, slots, configuration, done: done !== undefined, key: pem },
      ...(certificate !== undefined && { certificate }),
    });
  });
}

async function authorityOf({
  organisation,
  caKey,
  pki,
  exporter = [],
}: ProvisionOptions): Promise<Authority | undefined> {
  const key = pki === undefined ? caKey : authorityFile(pki, 'key');
  if (organisation === undefined && key === undefined && exporter.length === 0) return undefined;
  if (organisation === undefined || key === undefined || (pki !== undefined && caKey)) {
    throw new CliError(
      'device-authority',
      'a certificate wants --organisation, and one of --ca-key and --pki',
      EXIT.usage,
    );
  }
  const exporters: PublicKey[] = [];
  for (const file of exporter) exporters.push(publicKeyFromPem(await readFile(file, 'utf8')));
  const signer = await readPrivateKey(key);
  const issuer = pki === undefined ? {} : { pki: await devicePki(pki) };
  return { organisation, signer, exporters, now: Date.now(), ...issuer };
}

async function devicePki(folder: string): Promise<DevicePki> {
  const { chain, issued } = await openAuthority(folder);
  const record = (der: Uint8Array): Promise<void> => recordIssued(folder, issued, der, 'device');
  return { chain, record };
}

function show(plan: ProvisionPlan, done: Provisioned | undefined, terminal: Terminal): void {
  const { serial, slots, locked, authority } = plan;
  terminal.print(`device ${serial}`);
  if (authority !== undefined) terminal.print(`  certificate of ${authority.organisation}`);
  for (const { slot, purpose } of slots) terminal.print(`  slot ${slot}: ${purpose}`);
  terminal.print('  all other slots: closed for good');
  if (locked === 'configuration')
    terminal.print('  the configuration is locked already, as planned');
  terminal.print(
    done === undefined
      ? 'nothing was written; --yes carries this out for good'
      : publicKeyToPem(done.key).trimEnd(),
  );
}

interface CertificateOptions {
  chip: string;
  ca?: string;
  issuer?: string;
  out?: string;
  json?: boolean;
}

function registerCertificate(device: Command, { terminal }: Context): void {
  device
    .command('certificate')
    .description("a chip's certificate, made whole again from the 72 bytes in it")
    .requiredOption('--chip <address>', DEVICE_ADDRESS)
    .option('--ca <file>', "verify it under the organisation's public key (PEM)")
    .option('--issuer <file>', 'certificate of the authority of a PKI that issued it (PEM)')
    .option('--out <file>', 'where it goes (PEM)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device certificate --chip unix:/run/chip.sock --ca ca.pub.pem --out hut.crt',
    )
    .action((options: CertificateOptions) =>
      withChip(options.chip, async (session) => {
        const { issuer } = options;
        const [authority] = issuer === undefined ? [] : await readCertificates(issuer);
        const der = await session.awake((awake) => readChipCertificate(awake, authority));
        const pem = certificatePem(der);
        const ca = options.ca && publicKeyFromPem(await readFile(options.ca, 'utf8'));
        const device = ca === undefined || ca === '' ? undefined : verifyDeviceCertificate(der, ca);
        if (options.out !== undefined) await writeFile(options.out, pem);
        if (options.json === true) {
          terminal.json({
            certificate: pem,
            verified: device !== undefined,
            serial: device?.serial,
          });
          return;
        }
        terminal.print(pem.trimEnd());
        if (device !== undefined) terminal.print(`verified: device ${device.serial}`);
      }),
    );
}

interface TrustOptions {
  chip: string;
  exporter: string;
  caKey: string;
  slot: number;
  json?: boolean;
}

function registerTrust(device: Command, { terminal }: Context): void {
  device
    .command('trust')
    .description("have a chip believe another exporter, on the organisation's word")
    .requiredOption('--chip <address>', DEVICE_ADDRESS)
    .requiredOption('--exporter <file>', 'public key (PEM)')
    .requiredOption('--ca-key <file>', "the organisation's private key")
    .option('--slot <n>', 'which of the two it takes the place of: 13 or 14', exporterSlot, 14)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device trust --chip unix:/run/chip.sock --exporter next.pub.pem --ca-key ca.pem',
    )
    .action(async ({ chip, exporter, caKey, slot, json }: TrustOptions) => {
      const key = publicKeyFromPem(await readFile(exporter, 'utf8'));
      const authority = await readPrivateKey(caKey);
      await withChip(chip, (session) =>
        session.awake((awake) => trustExporter(awake, slot, key, authority)),
      );
      if (json === true) terminal.json({ slot, trusted: true });
      else terminal.print(`slot ${slot} holds the exporter's key, and the chip believes it`);
    });
}

async function withChip(
  address: string,
  work: (
    session: Atecc608Session,
    transport: Awaited<ReturnType<typeof openTransport>>,
  ) => Promise<void>,
): Promise<void> {
  const transport = await openTransport(parseDeviceAddress(address));
  try {
    await work(new Atecc608Session(transport), transport);
  } finally {
    transport.close();
  }
}

function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function exporterSlot(text: string): number {
  const slot = Number(text);
  if (!(SLOT.exporters as readonly number[]).includes(slot)) {
    throw new InvalidArgumentError('must be 13 or 14');
  }
  return slot;
}

function registerCompress(device: Command, { terminal }: Context): void {
  device
    .command('compress')
    .argument('<certificate>', "a device's certificate of a PKI (PEM)")
    .description('the 72 bytes that a chip keeps of a certificate, or why it cannot')
    .requiredOption('--issuer <file>', 'certificate of the authority that issued it (PEM)')
    .requiredOption('--organisation <name>', 'whose device it is')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone device compress hut.crt --issuer devices/ca.pem --organisation Acme',
    )
    .action(async (file: string, options: CompressOptions) => {
      const [certificate] = await readCertificates(file);
      const [issuer] = await readCertificates(options.issuer);
      if (certificate === undefined || issuer === undefined) {
        throw new CliError('device-certificate', 'no certificate is in the file', EXIT.usage);
      }
      const bytes = await compressPkiCertificate(certificate, issuer, options.organisation);
      const compressed = Buffer.from(bytes).toString('hex');
      if (options.json === true) terminal.json({ compressed });
      else terminal.print(compressed);
    });
}

interface CompressOptions {
  issuer: string;
  organisation: string;
  json?: boolean;
}
