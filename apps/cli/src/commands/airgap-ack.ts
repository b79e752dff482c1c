import { writeFile } from 'node:fs/promises';
import {
  followAcknowledgement,
  verifyAcknowledgement,
  type Acknowledgement,
} from '@touchstone/airgap';
import { parseEnvelope } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { fromBase64, publicKeyFromSpki, type PublicKey } from '@touchstone/note';
import type { Command } from 'commander';
import { lastAcknowledgement } from '../airgap/acknowledge.js';
import { logAcknowledgement } from '../airgap/log-acknowledgement.js';
import { readSiteRecord, writeSiteRecord } from '../airgap/site-record.js';
import { readSlip, showSymbol, writeSlip, type SlipTitle } from '../airgap/slip-file.js';
import { withSite, type Site } from '../airgap/site.js';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readJson } from '../input.js';

interface AckExportOptions {
  site: string;
  out?: string;
  qr?: boolean;
  json?: boolean;
}

export function registerAckExport(ack: Command, context: Context): void {
  ack
    .command('export')
    .description('the acknowledgement of the last import, to be carried back')
    .requiredOption('--site <dir>', 'folder of the site')
    .option(
      '--out <file>',
      '.json (in-toto statement), or the compact form as .cbor, .txt, .svg or .html (a sheet to print)',
    )
    .option('--qr', 'show the compact form as a QR code in the terminal')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone airgap ack export --site hut --out ack.json' +
        '\n  touchstone airgap ack export --site hut --out ack.html',
    )
    .action((options: AckExportOptions) =>
      withSite(options.site, (site) => exportAck(site, options, context)),
    );
}

async function exportAck(
  site: Site,
  options: AckExportOptions,
  { terminal }: Context,
): Promise<void> {
  const { out, qr, json } = options;
  if (out === undefined && qr !== true) {
    throw new CliError('out-missing', 'give --out or --qr', EXIT.usage);
  }
  const { envelope, compact } = await lastAcknowledgement(site);
  const { publicKey } = site.device.signer;
  const said = await verifyAcknowledgement(compact, publicKey, nodeVerifier);
  if (out?.endsWith('.json') === true) await writeFile(out, envelope);
  else if (out !== undefined) await writeSlip(out, compact, acknowledgementTitle(said));
  if (json === true) {
    terminal.json(said);
    return;
  }
  if (qr === true) showSymbol(compact, terminal);
  terminal.print(`${out ?? site.folder}: import ${said.counter}, size ${said.checkpoint.size}`);
}

function acknowledgementTitle({ site, counter, verdict, checkpoint }: Acknowledgement): SlipTitle {
  const { origin, size, root } = checkpoint;
  return {
    title: `Acknowledgement of site ${site}, import ${counter}`,
    fields: { site, import: counter, verdict, log: origin, size, root },
  };
}

export function registerAckImport(ack: Command, context: Context): void {
  ack
    .command('import')
    .argument('<file>', 'an acknowledgement: .json, .cbor, or a file with the text of the QR code')
    .description("take a site's acknowledgement: from then on the base of its next delta")
    .option('--sites <dir>', 'folder of the records', 'sites')
    .requiredOption('--site <name>', 'whose it is')
    .option('--log <url>', 'also have it logged, before it counts')
    .option('--coordinator <url>', 'bring it there, which logs it and watches over its sites')
    .option('--token <token>', "the coordinator's submit token (or TOUCHSTONE_SUBMIT_TOKEN)")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone airgap ack import ack.json --site hut')
    .action((file: string, options: AckImportOptions) => importAck(file, options, context));
}

interface AckImportOptions {
  sites: string;
  site: string;
  log?: string;
  coordinator?: string;
  token?: string;
  json?: boolean;
}

async function importAck(file: string, options: AckImportOptions, context: Context): Promise<void> {
  const { sites, site, json } = options;
  const { terminal } = context;
  const record = await readSiteRecord(sites, site);
  if (record?.device === undefined) {
    throw new CliError('site-unknown', `no device key is noted down for site ${site}`, EXIT.usage);
  }
  const signed = file.endsWith('.json') ? await readJson(file) : await readSlip(file);
  const key = publicKeyFromSpki(fromBase64(record.device));
  const acknowledgement: Acknowledgement = await verifyAcknowledgement(signed, key, nodeVerifier);
  if (acknowledgement.site !== site) {
    throw new CliError('acknowledgement', `it is of site ${acknowledgement.site}`, EXIT.refuted);
  }
  if (record.serial !== undefined && acknowledgement.serial !== record.serial) {
    throw new CliError(
      'acknowledgement',
      `it is of device ${acknowledgement.serial}, the certificate of ${record.serial}`,
      EXIT.refuted,
    );
  }
  followAcknowledgement(record.acknowledgement, acknowledgement, record.counter);
  await passOn(signed, key, options, context);
  await writeSiteRecord(sites, {
    ...record,
    trustRootVersion: Math.max(record.trustRootVersion, acknowledgement.trustRootVersion),
    acknowledgement,
  });
  const { size } = acknowledgement.checkpoint;
  if (json === true) terminal.json(acknowledgement);
  else
    terminal.print(
      `${site} stands at ${size}, import ${acknowledgement.counter}: ${acknowledgement.verdict}`,
    );
}

/** To those who keep it on the side of the network, before it counts here. */
async function passOn(
  signed: unknown,
  key: PublicKey,
  { site, log, coordinator, token }: AckImportOptions,
  { terminal, environment }: Context,
): Promise<void> {
  if (log !== undefined) {
    const index = await logAcknowledgement(signed, key, log, environment['TOUCHSTONE_LOG_TOKEN']);
    terminal.note(`logged as entry ${index}`);
  }
  if (coordinator === undefined) return;
  if (signed instanceof Uint8Array) throw statementWanted();
  const submitter = token ?? environment['TOUCHSTONE_SUBMIT_TOKEN'];
  const client = coordinatorClient(coordinator, { submitter });
  const seen = await client.acknowledge({
    params: { site },
    body: { envelope: parseEnvelope(signed) },
  });
  terminal.note(`the coordinator logged it as entry ${seen.acknowledgement?.logIndex}`);
  if (seen.alarm === 'forked') {
    throw new CliError(
      'acknowledgement-fork',
      `site ${site} was shown another log: ${seen.forks.at(-1)?.reason}; the coordinator keeps the proof`,
      EXIT.refuted,
    );
  }
}

function statementWanted(): CliError {
  return new CliError(
    'acknowledgement',
    'a coordinator takes the statement (.json); the compact form goes to a log',
    EXIT.usage,
  );
}
