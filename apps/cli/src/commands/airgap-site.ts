import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { publicKeyToPem } from '@touchstone/keys';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { lastReport, signReport } from '../airgap/acknowledge.js';
import { checkBundle, importBundle } from '../airgap/import-bundle.js';
import type { ImportResult } from '../airgap/import-result.js';
import { inspectBundle } from '../airgap/inspect-bundle.js';
import { reportPage } from '../airgap/report-page.js';
import { SiteSettings } from '../airgap/site-settings.js';
import { makeSite, Site, withSite } from '../airgap/site.js';
import type { Context } from '../context.js';
import { DEVICE_ADDRESS } from '../device/device-address.js';
import { EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import type { Terminal } from '../terminal.js';

/** What happens on the site's side of the gap. */
export function registerSite(airgap: Command, context: Context): void {
  registerInit(airgap, context);
  registerDecide(airgap, context);
  registerVerifyBundle(airgap, context);
  registerImport(airgap, context);
  registerInspect(airgap, context);
  registerReport(airgap, context);
}

interface InitOptions {
  site: string;
  trustRoot: string;
  origin?: string;
  chip?: string;
  slot: number;
  key?: string;
  ioKey?: string;
  witnessPolicy?: string;
  accept?: string[];
  maxAge?: number;
  json?: boolean;
}

function registerInit(airgap: Command, context: Context): void {
  airgap
    .command('init')
    .argument('<name>', 'of the site, as the exporter knows it')
    .description("make a site's folder, sealed by its device")
    .requiredOption('--site <dir>', 'folder of the site')
    .requiredOption('--trust-root <file>', 'brought by hand, from a source you trust')
    .option('--origin <name>', 'of the log, when the trust root names several')
    .option('--chip <address>', `the ATECC608: ${DEVICE_ADDRESS}`)
    .option('--slot <n>', "of the chip's signing key", smallNumber, 0)
    .option('--io-key <file>', 'IO protection key of the chip: its answers then carry a MAC')
    .option('--key <file>', 'private key instead of a chip: no protection against an old disk')
    .option('--witness-policy <file>', 'C2SP tlog-policy; without it nothing counts as witnessed')
    .addOption(acceptOption())
    .option('--max-age <days>', 'older checkpoints are STALE', days)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone airgap init hut --site hut --trust-root trust-root.json --chip unix:/run/chip.sock --witness-policy policy',
    )
    .action((name: string, options: InitOptions) => init(name, options, context));
}

async function init(name: string, options: InitOptions, { terminal }: Context): Promise<void> {
  const device =
    options.chip !== undefined
      ? {
          ...{ kind: 'chip', address: options.chip, slot: options.slot },
          ...(options.ioKey !== undefined && { ioKey: resolve(options.ioKey) }),
        }
      : { kind: 'file', key: resolve(options.key ?? 'device.pem') };
  const settings = SiteSettings.parse({
    schema: 'https://touchstone.dev/airgap-site-settings/v1',
    device,
    accept: options.accept ?? [],
    ...(options.maxAge !== undefined && { maxAge: options.maxAge * 86_400 }),
    ...(options.witnessPolicy !== undefined && {
      witnessPolicy: Buffer.from(await readBounded(options.witnessPolicy)).toString('utf8'),
    }),
  });
  const folder = resolve(options.site);
  const state = await makeSite({
    ...{ folder, site: name, settings, trustRoot: await readTrustRoot(options.trustRoot) },
    ...(options.origin !== undefined && { origin: options.origin }),
  });
  const site = await Site.open(folder);
  try {
    const key = publicKeyToPem(site.device.signer.publicKey);
    const { counter, serial, origin } = state;
    if (options.json === true) terminal.json({ site: name, origin, serial, counter, key });
    else {
      terminal.print(`site ${name} follows ${origin}; device ${serial}, counter ${counter}`);
      terminal.print(key.trimEnd());
    }
  } finally {
    await site.close();
  }
}

interface DecideOptions {
  site: string;
  witnessPolicy?: string;
  accept?: string[];
  maxAge?: number;
  json?: boolean;
}

function registerDecide(airgap: Command, { terminal }: Context): void {
  airgap
    .command('decide')
    .description('change what a site accepts; its device seals it, as it sealed the first')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--witness-policy <file>', 'C2SP tlog-policy, in place of the one there is')
    .addOption(acceptOption())
    .option('--max-age <days>', 'older checkpoints are STALE', days)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\n--accept replaces the list; without it OK alone is installed.' +
        '\n\nExample:\n  touchstone airgap decide --site hut --accept STALE --max-age 30',
    )
    .action((options: DecideOptions) =>
      withSite(options.site, async (site) => {
        const policy = options.witnessPolicy && (await readBounded(options.witnessPolicy));
        const settings = SiteSettings.parse({
          ...site.settings,
          accept: options.accept ?? [],
          ...(options.maxAge !== undefined && { maxAge: options.maxAge * 86_400 }),
          ...(policy && { witnessPolicy: Buffer.from(policy).toString('utf8') }),
        });
        await site.decide(settings);
        if (options.json === true) terminal.json(settings);
        else terminal.print(`accepted besides OK: ${settings.accept.join(', ') || 'nothing'}`);
      }),
    );
}

function acceptOption(): Option {
  return new Option('--accept <verdict...>', 'verdicts besides OK that are installed').choices([
    ...['UNWITNESSED', 'NO-TIME', 'STALE'],
  ]);
}

interface SiteOptions {
  site: string;
  json?: boolean;
}

function registerVerifyBundle(airgap: Command, context: Context): void {
  airgap
    .command('verify')
    .argument('<bundle>', 'a carry bundle (.tar)')
    .description('verify a bundle as an import would, and install nothing')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone airgap verify hut.tar --site hut')
    .action((file: string, options: SiteOptions) =>
      withSite(options.site, async (site) => {
        const result = await checkBundle(site, file);
        if (result.verdict !== 'OK') context.exitCode = EXIT.refuted;
        show(result, options, context.terminal);
      }),
    );
}

/** Also `touchstone device import`. */
export function registerImport(parent: Command, context: Context): void {
  parent
    .command('import')
    .argument('<bundle>', 'a carry bundle (.tar)')
    .description('verify a bundle, install it, and have the device count and acknowledge it')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 installed; 1 refused, or verified and not accepted, or nothing new in it.' +
        `\n\nExample:\n  touchstone ${parent.name()} import hut.tar --site hut`,
    )
    .action((file: string, options: SiteOptions) =>
      withSite(options.site, async (site) => {
        const result = await importBundle(site, file);
        if (!result.installed) context.exitCode = EXIT.refuted;
        show(result, options, context.terminal);
      }),
    );
}

function registerInspect(airgap: Command, context: Context): void {
  airgap
    .command('inspect')
    .argument('<bundle>', 'a carry bundle (.tar)')
    .description('what a bundle says it is, unverified')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone airgap inspect hut.tar')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const found = await inspectBundle(file);
      if (json === true) context.terminal.json(found);
      else
        for (const [name, value] of Object.entries(found))
          context.terminal.print(`${name}: ${String(value)}`);
    });
}

function registerReport(airgap: Command, context: Context): void {
  airgap
    .command('report')
    .description('the last import, as a report that the device signs')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--html <file>', 'also as a page to print')
    .option('--json', 'print the signed statement')
    .addHelpText('after', '\nExample:\n  touchstone airgap report --site hut --html report.html')
    .action((options: SiteOptions & { html?: string }) =>
      withSite(options.site, async (site) => {
        const result = await lastReport(site);
        const signed = await signReport(site, result);
        if (options.html !== undefined) await writeFile(options.html, reportPage(result, signed));
        if (options.json === true) context.terminal.json(signed);
        else show(result, options, context.terminal);
      }),
    );
}

function show(result: ImportResult, { json }: { json?: boolean }, terminal: Terminal): void {
  if (json === true) {
    terminal.json(result);
    return;
  }
  const { verdict, installed, from, checkpoint, counts, counter } = result;
  const colour = verdict === 'OK' ? 'green' : 'yellow';
  terminal.print(
    `${terminal.style(colour, verdict)}  ${result.site}: ${from} to ${checkpoint.size} of ${checkpoint.origin}`,
  );
  terminal.print(
    `${counts.entries} entries (${counts.statements} by enrolled organisations, ${counts.foreign} by others, ${counts.unread} not read), ${counts.artifacts} artifacts`,
  );
  terminal.print(installed ? `installed, import ${counter}` : 'not installed');
}

function smallNumber(text: string): number {
  if (!/^(?:\d|1[0-5])$/.test(text)) throw new InvalidArgumentError('must be 0 to 15');
  return Number(text);
}

function days(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('must be 1 to 99999 days');
  return Number(text);
}
