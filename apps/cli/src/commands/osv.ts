import { matchVulnerabilities, readSbom, type Vulnerability } from '@touchstone/rebuild';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { unusable, usable } from '../sbom/source-tree.js';
import type { Terminal } from '../terminal.js';

interface Options {
  sbom: string;
  dump: string;
  production?: boolean;
  json?: boolean;
}

export function registerOsv(program: Command, context: Context): void {
  program
    .command('osv')
    .description('known vulnerabilities, from a dump of OSV at hand: no network is used')
    .addHelpText('after', '\nExample:\n  touchstone osv match --sbom bom.json --dump osv/')
    .command('match')
    .description('match a bill of materials against a dump of OSV entries')
    .requiredOption('--sbom <file>', 'CycloneDX or SPDX 2 in JSON')
    .requiredOption('--dump <dir>', 'folder of JSON entries, or of <ecosystem>/all.zip')
    .option('--production', 'leave out packages that only tests need')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nEcosystems: npm, crates.io, Go. Entries that were withdrawn do not count.' +
        '\nExit codes: 0 none found, 1 some found, 2 usage, 3 none found but not all could be checked:' +
        '\nentries that cannot be read, packages of other ecosystems, or an ecosystem without entries.' +
        '\n\nExample:\n  touchstone osv match --sbom bom.json --dump osv/',
    )
    .action((options: Options) => match(options, context));
}

async function match(options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const bytes = await readBounded(options.sbom);
  const { items } = usable(options.sbom, () => readSbom(bytes));
  const asked = options.production === true ? items.filter((item) => !item.development) : items;
  const report = await matchVulnerabilities(asked, options.dump).catch((error: unknown) => {
    const failure = unusable(options.dump, error);
    if (!(failure instanceof CliError)) throw failure;
    throw new CliError(failure.code, failure.message, EXIT.absent, { cause: error });
  });
  const { vulnerabilities, checked, unchecked, own, uncovered, entries, unreadable } = report;
  const whole = unreadable.count === 0 && unchecked.length === 0 && uncovered.length === 0;
  if (vulnerabilities.length > 0) context.exitCode = EXIT.refuted;
  else if (!whole) context.exitCode = EXIT.absent;
  if (options.json === true) {
    terminal.json(report);
    return;
  }
  for (const found of vulnerabilities) printVulnerability(found, terminal);
  terminal.print(
    `${vulnerabilities.length} found; ${checked} packages held against ${entries} entries`,
  );
  if (own.length > 0) terminal.print(`part of the source tree, not looked up: ${listed(own)}`);
  if (unchecked.length > 0)
    terminal.print(`not checked, of other ecosystems: ${listed(unchecked)}`);
  if (uncovered.length > 0) terminal.print(`the dump has no entry of ${uncovered.join(', ')}`);
  if (unreadable.count > 0)
    terminal.print(`${unreadable.count} entries cannot be read: ${listed(unreadable.first)}`);
}

function listed(names: readonly string[]): string {
  const more = names.length > 10 ? `, and ${names.length - 10} more` : '';
  return names.slice(0, 10).join(', ') + more;
}

function printVulnerability(found: Vulnerability, terminal: Terminal): void {
  const { id, aliases, name, version, ecosystem, affected, fixed, severity, summary } = found;
  const sure = affected === 'yes' ? '' : ' (perhaps: the version cannot be told)';
  const note = found.development ? ' (only for tests)' : '';
  terminal.print(
    `${terminal.style('red', id)}  ${name} ${version ?? 'of unknown version'} (${ecosystem})${sure}${note}`,
  );
  if (summary !== undefined) terminal.print(`  ${summary.replace(/\s+/g, ' ')}`);
  if (aliases.length > 0) terminal.print(`  also ${aliases.join(', ')}`);
  if (severity.length > 0) terminal.print(`  ${severity.map(({ score }) => score).join(', ')}`);
  terminal.print(fixed.length === 0 ? '  no version mends it' : `  mended in ${fixed.join(', ')}`);
}
