import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import {
  hasDifferences,
  printDifferences,
  printPublication,
  verdictText,
} from '../publication-text.js';
import { coordinatorUrl } from './submit.js';

interface Options {
  coordinator: string;
  watch?: boolean;
  json?: boolean;
}

export function registerStatus(program: Command, context: Context): void {
  program
    .command('status')
    .argument(
      '[what]',
      'publication id, or a digest as sha256:<hex> or sha512:<hex>; all if absent',
    )
    .description('show publications, their rebuilds and verdicts')
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--watch', 'with an id: wait until the verdict is no longer pending')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone status\n  touchstone status sha256:83ae8b6532d1398a59f609bcb2de1710ec96e37c8497646969be205312e03bf7',
    )
    .action((what: string | undefined, options: Options) => status(what, options, context));
}

async function status(what: string | undefined, options: Options, context: Context): Promise<void> {
  if (what === undefined || what.includes(':')) await list(what, options, context);
  else await one(what, options, context);
}

async function one(id: string, options: Options, { terminal, stop }: Context): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new CliError('id-malformed', `${id} is no publication id: 64 hex digits`, EXIT.usage);
  }
  const client = coordinatorClient(options.coordinator);
  let publication = await client.read({ params: { id } });
  while (options.watch === true && publication.verdict === 'pending') {
    await delay(1_000, undefined, { signal: stop });
    publication = await client.read({ params: { id } });
  }
  if (options.json === true) terminal.json(publication);
  else {
    printPublication(publication, terminal);
    if (hasDifferences(publication))
      printDifferences(await client.evidence({ params: { id } }), terminal);
  }
}

async function list(
  digest: string | undefined,
  options: Options,
  { terminal }: Context,
): Promise<void> {
  const client = coordinatorClient(options.coordinator);
  const items = [];
  let after: string | undefined;
  do {
    const page = await client.list({
      query: {
        ...(digest === undefined ? {} : { digest }),
        ...(after === undefined ? {} : { after }),
      },
    });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  if (digest !== undefined && items.length === 0) {
    throw new CliError('artifact-unknown', `no publication has the digest ${digest}`, EXIT.absent);
  }
  if (options.json === true) {
    terminal.json({ items });
    return;
  }
  if (items.length === 0)
    terminal.print('no publications yet; submit one with `touchstone submit`');
  for (const item of items) {
    terminal.print(`${item.id}  ${verdictText(item.verdict, terminal)}  ${item.artifact.uri}`);
  }
}
