import { AirgapError, decodeCheckpointSlip, verifyCheckpointSlip } from '@touchstone/airgap';
import { nodeVerifier } from '@touchstone/keys';
import { decodeUtf8 } from '@touchstone/note';
import { nodeSha256, TileReader } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { giveSlip } from '../airgap/checkpoint-slip-output.js';
import { keepFork, verdictOf } from '../airgap/import-bundle.js';
import { acknowledgedBase, openLogCheckpoint } from '../airgap/log-checkpoint.js';
import { readSiteRecord } from '../airgap/site-record.js';
import { withSite, type Site } from '../airgap/site.js';
import { readSlip, withSlipOutput, type SlipOutput } from '../airgap/slip-file.js';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot, readWitnessPolicy } from '../input.js';
import { LogSource } from '../monitor/log-source.js';
import { registerCourier } from './airgap-courier.js';

/** Checkpoints alone, each small enough for one QR code. */
export function registerCheckpoint(airgap: Command, context: Context): void {
  const checkpoint = airgap
    .command('checkpoint')
    .description('a checkpoint alone, with its proof: it fits one QR code')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap checkpoint check scanned.txt --site hut',
    );
  registerExport(checkpoint, context);
  registerCheck(checkpoint, context);
  registerCourier(checkpoint, context);
}

interface ExportOptions extends SlipOutput {
  log: string;
  trustRoot: string;
  sites: string;
  witnessPolicy?: string;
  forWitness?: boolean;
  from?: number;
}

function registerExport(checkpoint: Command, context: Context): void {
  const command = checkpoint
    .command('export')
    .argument('<site>', 'a site of --sites')
    .description("the log's newest checkpoint, proved from where the site stands")
    .requiredOption('--trust-root <file>', 'the keys of the log')
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--sites <dir>', 'folder of the records', 'sites')
    .option('--witness-policy <file>', 'C2SP tlog-policy, to say whether a quorum cosigned')
    .option('--for-witness', "proved from what the site's witness cosigned last")
    .option('--from <size>', 'tree size that the proof begins at', treeSize);
  withSlipOutput(command)
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap checkpoint export hut --trust-root trust-root.json --out checkpoint.html',
    )
    .action((site: string, options: ExportOptions) => exportCheckpoint(site, options, context));
}

async function exportCheckpoint(
  name: string,
  options: ExportOptions,
  { terminal }: Context,
): Promise<void> {
  const site = await readSiteRecord(options.sites, name);
  if (site === undefined) {
    throw new CliError('site-unknown', `${options.sites} has no site ${name}`, EXIT.usage);
  }
  const log = new LogSource(options.log);
  const note = await log.checkpoint();
  const { witnessPolicy } = options;
  const policy = witnessPolicy === undefined ? undefined : await readWitnessPolicy(witnessPolicy);
  const trustRoot = await readTrustRoot(options.trustRoot);
  const witnessed = await openLogCheckpoint(note, trustRoot, policy);
  const base = await acknowledgedBase(log, site, witnessed);
  const from = options.from ?? (options.forWitness === true ? (site.cosigned ?? 0) : base.size);
  const { size } = witnessed.checkpoint;
  if (from > size) {
    throw new CliError('size-out-of-range', `the log has ${size} entries, not ${from}`, EXIT.usage);
  }
  const whole = from === 0 || from === size;
  const reader = new TileReader((path) => log.tile(path), { latest: () => size });
  const proof = whole ? [] : await reader.consistencyProof(from, size);
  const slip = { note: decodeUtf8(note), consistency: { from, proof } };
  await giveSlip(slip, options, terminal);
}

function registerCheck(checkpoint: Command, context: Context): void {
  checkpoint
    .command('check')
    .argument('<slip>', '.cbor, or a file with the text of the QR code')
    .description('hold a checkpoint against where a site stands; installs nothing')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 it continues the tree of the site and its verdict is OK; 1 it does not.' +
        '\n\nExample:\n  touchstone airgap checkpoint check scanned.txt --site hut',
    )
    .action((file: string, options: CheckOptions) =>
      withSite(options.site, (site) => check(site, file, options, context)),
    );
}

interface CheckOptions {
  site: string;
  json?: boolean;
}

async function check(
  site: Site,
  file: string,
  { json }: CheckOptions,
  context: Context,
): Promise<void> {
  const { state, settings, knowledge, folder } = site;
  const slip = decodeCheckpointSlip(await readSlip(file));
  const options = { verify: nodeVerifier, sha256: nodeSha256 };
  const witnessed = await verifyCheckpointSlip(slip, knowledge, options).catch(
    async (error: unknown) => {
      if (error instanceof AirgapError && error.fork) await keepFork(folder, error.fork);
      throw error;
    },
  );
  const verdict = verdictOf({ state, settings }, witnessed);
  const { origin, size } = witnessed.checkpoint;
  const from = state.checkpoint.size;
  if (verdict !== 'OK') context.exitCode = EXIT.refuted;
  if (json === true) context.terminal.json({ verdict, site: state.site, origin, from, to: size });
  else context.terminal.print(`${verdict}  ${origin} grew from ${from} to ${size} entries`);
}

function treeSize(text: string): number {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError('must be a tree size');
  }
  return Number(text);
}
