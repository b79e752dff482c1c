import { resolve } from 'node:path';
import { decodeCheckpointSlip } from '@touchstone/airgap';
import { logRoutes, makeClient } from '@touchstone/contract';
import { nodeVerifier, readPrivateKey } from '@touchstone/keys';
import { formatNote, parseCheckpoint, parseNote } from '@touchstone/note';
import { formatAddCheckpoint, lockFolder, PosixWitnessStorage, Witness } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { giveSlip } from '../airgap/checkpoint-slip-output.js';
import { readSiteRecord, writeSiteRecord } from '../airgap/site-record.js';
import { readSlip, withSlipOutput, type SlipOutput } from '../airgap/slip-file.js';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readLogKey } from './witness.js';

/** A witness that no network reaches: its checkpoint comes by courier, and its cosignature goes so. */
export function registerCourier(checkpoint: Command, context: Context): void {
  registerCosign(checkpoint, context);
  registerPublish(checkpoint, context);
}

interface CosignOptions extends SlipOutput {
  name: string;
  key: string;
  state: string;
  log: string[];
  time?: number;
}

function registerCosign(checkpoint: Command, context: Context): void {
  const command = checkpoint
    .command('cosign')
    .argument('<slip>', '.cbor, or a file with the text of the QR code')
    .description('cosign a checkpoint that continues the last one cosigned, as `witness` does')
    .requiredOption('--name <name>', 'name to cosign under, such as witness.example/w1')
    .requiredOption('--key <file>', 'Ed25519 private key of this witness and nothing else')
    .requiredOption('--log <vkey...>', 'verifier key of a log to follow; its name is the origin')
    .option('--state <dir>', 'folder with the last checkpoint cosigned of each log', 'witness')
    .option(
      '--time <seconds>',
      "since the epoch, where this machine's clock cannot be trusted",
      time,
    );
  withSlipOutput(command)
    .addHelpText(
      'after',
      '\nExit codes: 0 cosigned; 1 refused, and the state is as it was.' +
        '\n\nExample:\n  touchstone airgap checkpoint cosign scanned.txt --name witness.example/hut \\\n' +
        '    --key witness.pem --log example.org/log+4e20dd4b+AbN...= --out cosigned.html',
    )
    .action((file: string, options: CosignOptions) => cosign(file, options, context));
}

/** Durable before it answers: see `Witness`. */
async function cosign(file: string, options: CosignOptions, { terminal }: Context): Promise<void> {
  const { note, consistency } = decodeCheckpointSlip(await readSlip(file));
  const signer = await readPrivateKey(options.key);
  const dir = resolve(options.state);
  const lock = await lockFolder(dir);
  try {
    const witness = await Witness.open({
      ...{ name: options.name, signer, logs: options.log.map(readLogKey) },
      ...{ storage: new PosixWitnessStorage(dir), verify: nodeVerifier },
      clock: () => options.time ?? Math.floor(Date.now() / 1000),
    });
    const { from = 0, proof = [] } = consistency ?? {};
    const request = Buffer.from(formatAddCheckpoint(from, proof, note));
    const { outcome, body } = await witness.addCheckpoint(new Uint8Array(request));
    if (outcome === 'conflict') {
      const stands = `the witness stands at ${body.trim()} entries, the proof begins at ${from}`;
      throw new CliError('witness-conflict', `${stands}: ask for one with --from`, EXIT.refuted);
    }
    if (outcome !== 'cosigned') {
      throw new CliError(`witness-${outcome}`, `not cosigned: ${body.trim()}`, EXIT.refuted);
    }
    // The log's lines and the new one: other witnesses' are not this one's to pass on.
    const { text, signatures } = parseNote(note);
    const [cosignature] = parseNote(`${text}\n${body}`).signatures;
    const own = signatures.filter(({ name }) => name === parseCheckpoint(text).origin);
    const signed = formatNote({
      text,
      signatures: [...own, ...(cosignature ? [cosignature] : [])],
    });
    await giveSlip({ note: signed }, options, terminal);
  } finally {
    await lock.release();
  }
}

interface PublishOptions {
  log: string;
  sites: string;
  site?: string;
  token?: string;
  json?: boolean;
}

function registerPublish(checkpoint: Command, context: Context): void {
  checkpoint
    .command('publish')
    .argument('<slip>', 'a cosigned checkpoint: .cbor, or a file with the text of the QR code')
    .description('bring a cosignature back to the log, which publishes it')
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--site <name>', 'note down how far its witness has come, for the next --for-witness')
    .option('--sites <dir>', 'folder of the records', 'sites')
    .option('--token <token>', "the log's write token (or TOUCHSTONE_LOG_TOKEN)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap checkpoint publish scanned.txt --site hut --log http://127.0.0.1:7401',
    )
    .action((file: string, options: PublishOptions) => publish(file, options, context));
}

async function publish(
  file: string,
  { log, sites, site, json, ...options }: PublishOptions,
  { terminal, environment }: Context,
): Promise<void> {
  const { note } = decodeCheckpointSlip(await readSlip(file));
  const record = site === undefined ? undefined : await readSiteRecord(sites, site);
  if (site !== undefined && record === undefined) {
    throw new CliError('site-unknown', `${sites} has no site ${site}`, EXIT.usage);
  }
  const token = options.token ?? environment['TOUCHSTONE_LOG_TOKEN'];
  const client = makeClient(logRoutes, {
    baseUrl: log,
    fetch: fetch as never,
    authorize: () => (token === undefined ? undefined : `Bearer ${token}`),
  });
  const { items } = await client.bringCosignature({ body: { note } });
  const { size } = parseCheckpoint(parseNote(note).text);
  if (record !== undefined) {
    await writeSiteRecord(sites, { ...record, cosigned: Math.max(record.cosigned ?? 0, size) });
  }
  if (json === true) terminal.json({ size, cosignatures: items });
  else for (const item of items) terminal.print(`${item.witness} cosigned ${item.size} entries`);
}

function time(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('must be whole seconds');
  return Number(text);
}
