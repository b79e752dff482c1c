import type { Site } from '@touchstone/contract';
import type { Command } from 'commander';
import { coordinatorClient, DEFAULT_COORDINATOR, type Context } from '../context.js';
import { EXIT } from '../failure.js';
import type { Terminal } from '../terminal.js';

/** `touchstone airgap sites`: how the coordinator sees those behind a gap. */
export function registerSites(airgap: Command, context: Context): void {
  airgap
    .command('sites')
    .description('where each site stands by its last acknowledgement, and alarms')
    .option(
      '--coordinator <url>',
      'where they are registered',
      context.environment['TOUCHSTONE_COORDINATOR'] ?? DEFAULT_COORDINATOR,
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well; 1 a site is overdue, or was shown another log.' +
        '\n\nExample:\n  touchstone airgap sites --coordinator http://127.0.0.1:7400',
    )
    .action(async ({ coordinator, json }: { coordinator: string; json?: boolean }) => {
      const { items } = await coordinatorClient(coordinator).sites({});
      if (items.some(({ alarm }) => alarm !== undefined)) context.exitCode = EXIT.refuted;
      if (json === true) context.terminal.json({ items });
      else if (items.length === 0) {
        context.terminal.note(
          'no sites yet; `touchstone airgap site NAME --device-key FILE --coordinator URL` registers one',
        );
      } else for (const site of items) printSite(site, context.terminal);
    });
}

function printSite({ site, acknowledgement, alarm, forks }: Site, terminal: Terminal): void {
  const standing =
    acknowledgement === undefined
      ? 'nothing acknowledged yet'
      : `${acknowledgement.checkpoint.size} entries, import ${acknowledgement.counter}, ${acknowledgement.verdict}, ${acknowledgement.receivedAt}`;
  const flag = alarm === undefined ? '' : `  ${terminal.style('red', alarm)}`;
  terminal.print(`${site}: ${standing}${flag}`);
  for (const { reason } of forks) terminal.print(`  ${reason}`);
}
