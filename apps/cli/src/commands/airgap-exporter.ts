import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { decodeCheckpointSlip, rangesOf } from '@touchstone/airgap';
import { publicKeyFromPem, readPrivateKey } from '@touchstone/keys';
import { encodeUtf8, parseWitnessPolicy, toBase64, type PublicKey } from '@touchstone/note';
import { InvalidArgumentError, type Command } from 'commander';
import {
  measureExport,
  planExport,
  writeExport,
  type Export,
  type ExportRequest,
} from '../airgap/export-bundle.js';
import { readSiteRecord, writeSiteRecord, type SiteRecord } from '../airgap/site-record.js';
import { readSlip } from '../airgap/slip-file.js';
import { leavesOfArtifact } from '../airgap/select-artifact.js';
import { coordinatorClient, DEFAULT_LOG, type Context } from '../context.js';
import { certifiedDevice, verifyDeviceCertificate } from '../device/device-certificate.js';
import { requireDevicePath } from '../device/pki-certificate.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { readCertificates, readRevocationLists } from '../pki/certificate-files.js';

/** What stays on the side of the network: sites, plans and exports. */
export function registerExporter(airgap: Command, context: Context): void {
  registerSiteAdd(airgap, context);
  registerPlanAndExport(airgap, context);
}

interface SiteAddOptions {
  sites: string;
  deviceKey?: string;
  deviceCertificate?: string;
  deviceCa?: string;
  deviceRoot?: string[];
  deviceCrl?: string[];
  counter: number;
  trustRoot: string;
  coordinator?: string;
  token?: string;
  overdue: number;
  json?: boolean;
}

function registerSiteAdd(airgap: Command, context: Context): void {
  airgap
    .command('site')
    .argument('<name>', 'lower-case letters, digits and -')
    .description('note down a site that bundles are made for')
    .requiredOption('--trust-root <file>', 'the one that the site was given by hand')
    .option('--device-key <file>', 'public key (PEM) of the device that acknowledges')
    .option('--device-certificate <file>', 'its certificate (PEM) instead, with --device-ca')
    .option('--device-ca <file>', 'public key (PEM) of the organisation that certified it')
    .option('--device-root <file...>', 'or roots (PEM) of the PKI whose certificate it is')
    .option('--device-crl <file...>', 'revocation lists of that PKI')
    .option('--counter <n>', 'what the device had counted before', wholeNumber, 0)
    .option('--sites <dir>', 'folder of the records', 'sites')
    .option('--coordinator <url>', 'also register it there, to be watched over')
    .option('--token <token>', "the coordinator's admin token (or TOUCHSTONE_ADMIN_TOKEN)")
    .option('--overdue <days>', 'silence after which it is overdue', wholeNumber, 30)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap site hut --trust-root trust-root.json --device-key hut.pub.pem',
    )
    .action((name: string, options: SiteAddOptions) => addSite(name, options, context));
}

async function addSite(
  name: string,
  options: SiteAddOptions,
  { terminal, environment }: Context,
): Promise<void> {
  const known = await readSiteRecord(options.sites, name);
  if (known?.acknowledgement !== undefined) {
    throw new CliError('site-exists', `site ${name} has acknowledged imports already`, EXIT.usage);
  }
  const { version } = await readTrustRoot(options.trustRoot);
  const device = await deviceOf(options);
  const record: SiteRecord = {
    schema: 'https://touchstone.dev/airgap-site/v1',
    site: name,
    trustRootVersion: version,
    ...(device && { device: toBase64(device.key.spki) }),
    ...(device?.serial !== undefined && { serial: device.serial }),
    counter: options.counter,
  };
  if (options.coordinator !== undefined) {
    if (record.device === undefined) {
      throw new CliError('site-device', 'a coordinator wants --device-key', EXIT.usage);
    }
    const admin = options.token ?? environment['TOUCHSTONE_ADMIN_TOKEN'];
    const client = coordinatorClient(options.coordinator, { admin });
    const overdueAfter = options.overdue * 86_400;
    const { device, counter } = record;
    await client.addSite({ body: { site: name, device, counter, overdueAfter } });
  }
  await writeSiteRecord(options.sites, record);
  if (options.json === true) terminal.json(record);
  else terminal.print(`site ${name}: trust root ${version}, nothing acknowledged yet`);
}

/** By its certificate, or by its key alone. */
async function deviceOf({
  deviceKey,
  deviceCertificate,
  deviceCa,
  deviceRoot,
  deviceCrl = [],
}: SiteAddOptions): Promise<{ key: PublicKey; serial?: string } | undefined> {
  if (deviceCertificate !== undefined) {
    if (deviceRoot !== undefined) {
      const chain = await readCertificates(deviceCertificate);
      const roots = (await Promise.all(deviceRoot.map(readCertificates))).flat();
      const lists = (await Promise.all(deviceCrl.map(readRevocationLists))).flat();
      requireDevicePath(chain, roots, new Date(), lists);
      return certifiedDevice(chain[0] as Uint8Array);
    }
    if (deviceCa === undefined) {
      const how = 'a certificate is verified with --device-ca, or --device-root';
      throw new CliError('site-device', how, EXIT.usage);
    }
    const authority = publicKeyFromPem(await readFile(deviceCa, 'utf8'));
    return verifyDeviceCertificate(await readFile(deviceCertificate, 'utf8'), authority);
  }
  if (deviceKey === undefined) return undefined;
  return { key: publicKeyFromPem(await readFile(deviceKey, 'utf8')) };
}

interface ExportOptions {
  log: string;
  trustRoot: string;
  sites: string;
  witnessPolicy?: string;
  rootChain?: string;
  checkpoint?: string;
  full?: boolean;
  byPolicy?: boolean;
  artifact?: string[];
  include?: string[];
  frontier?: boolean;
  key?: string;
  tlogProofs?: boolean;
  out?: string;
  json?: boolean;
}

function registerPlanAndExport(airgap: Command, context: Context): void {
  const common = (command: Command): Command =>
    command
      .argument('<site>', 'a site of --sites')
      .requiredOption('--trust-root <file>', 'the keys of the log, and what sites are to go by')
      .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
      .option('--sites <dir>', 'folder of the records', 'sites')
      .option('--witness-policy <file>', 'C2SP tlog-policy, to say whether a quorum cosigned')
      .option('--root-chain <dir>', 'signed trust roots, root-<version>.json')
      .option('--checkpoint <slip>', 'as of this one (.cbor or scanned text), not the newest')
      .option('--full', 'all entries, not only those since the last acknowledgement')
      .option('--by-policy', "only entries that the trust root's policy can count")
      .option('--artifact <digest...>', 'only entries that speak of sha256:… or sha512:…')
      .option('--include <file...>', 'files that travel along')
      .option('--frontier', "leave out the prefix: for a site that keeps the tree's right edge")
      .option('--json', 'print JSON');
  common(airgap.command('plan').description('what an export would carry'))
    .addHelpText('after', '\nExample:\n  touchstone airgap plan hut --trust-root trust-root.json')
    .action((site: string, options: ExportOptions) => plan(site, options, context));
  common(airgap.command('export').description('pack a carry bundle for a site'))
    .requiredOption('--out <file>', 'the archive to write')
    .option('--key <file>', 'P-256 private key of the exporter, which the device checks')
    .option('--tlog-proofs', 'also each entry as C2SP tlog-proof')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap export hut --trust-root trust-root.json --key exporter.pem --out hut.tar',
    )
    .action((site: string, options: ExportOptions) => exportSite(site, options, context));
}

async function layOut(site: string, options: ExportOptions): Promise<Export> {
  const record = await readSiteRecord(options.sites, site);
  if (record === undefined) {
    throw new CliError(
      'site-unknown',
      `${options.sites} has no site ${site}; touchstone airgap site ${site} notes one down`,
      EXIT.usage,
    );
  }
  const policy =
    options.witnessPolicy === undefined
      ? undefined
      : parseWitnessPolicy(await readBounded(options.witnessPolicy));
  const trustRoot = await readTrustRoot(options.trustRoot);
  const request: ExportRequest = {
    logUrl: options.log,
    trustRoot,
    ...(policy && { witnessPolicy: policy }),
    site: record,
    selection: options.full === true ? 'full' : options.byPolicy === true ? 'policy' : 'delta',
    proof: options.frontier === true ? 'frontier' : 'prefix',
    ...(options.checkpoint !== undefined && { note: await slipNote(options.checkpoint) }),
    ...(options.rootChain !== undefined && { rootChain: options.rootChain }),
    artifacts: options.include ?? [],
  };
  if (options.artifact === undefined) return planExport(request);
  const leaves = await leavesOfArtifact(options.artifact, options.log, trustRoot);
  return planExport({ ...request, selection: { ranges: rangesOf(leaves) } });
}

/** The signed note of a slip, such as a courier brought back. */
async function slipNote(file: string): Promise<Uint8Array> {
  return encodeUtf8(decodeCheckpointSlip(await readSlip(file)).note);
}

async function plan(site: string, options: ExportOptions, { terminal }: Context): Promise<void> {
  const planned = await layOut(site, options);
  const { header, witnessed, artifacts } = planned;
  const { exporters } = await readTrustRoot(options.trustRoot);
  const { bytes } = await measureExport(planned, exporters !== undefined);
  const summary = {
    ...{ site, origin: header.origin, from: header.base.size, to: header.size },
    ...{ entries: header.entries, trustRoots: header.roots, quorum: witnessed.quorum },
    bytes,
    artifacts: artifacts.map(({ name, size }) => ({ name, size })),
  };
  if (options.json === true) {
    terminal.json(summary);
    return;
  }
  terminal.print(
    `${site}: from ${summary.from} to ${summary.to} of ${summary.origin}: ${summary.entries} entries, ${summary.trustRoots} trust roots, ${bytes} bytes`,
  );
  for (const { name, size } of artifacts) terminal.print(`  ${name}, ${size} bytes`);
  terminal.print(witnessed.quorum ? 'the checkpoint is witnessed' : 'the checkpoint has no quorum');
}

async function exportSite(
  site: string,
  options: ExportOptions & { out?: string },
  { terminal }: Context,
): Promise<void> {
  const planned = await layOut(site, options);
  const exporter = options.key === undefined ? undefined : await readPrivateKey(options.key);
  const file = resolve(options.out ?? `${site}.tar`);
  const every = Math.max(1000, Math.ceil(planned.header.entries / 20));
  const written = await writeExport(planned, file, {
    ...(exporter && { exporter }),
    tlogProofs: options.tlogProofs === true,
    onProgress: (entries) => {
      if (entries % every === 0) terminal.note(`${entries} of ${planned.header.entries} entries`);
    },
  });
  const { header } = planned;
  const summary = {
    ...{ file, site, from: header.base.size, to: header.size, entries: header.entries },
    ...written,
  };
  if (options.json === true) terminal.json(summary);
  else {
    terminal.print(
      `${file}: ${written.bytes} bytes, ${header.entries} entries, ${header.base.size} to ${header.size}`,
    );
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}
