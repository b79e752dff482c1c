import type { Rebuilder } from '@touchstone/contract';
import type { Command } from 'commander';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { publicKeyOf, withPublicKey, type PublicKeyOptions } from './enrol.js';
import { coordinatorUrl } from './submit.js';

interface Options {
  coordinator: string;
  token?: string;
  json?: boolean;
}

export function registerRebuilder(program: Command, context: Context): void {
  const rebuilder = program
    .command('rebuilder')
    .description('what becomes of enrolled rebuilders: list, rotate, withdraw, retry')
    .addHelpText('after', '\nExample:\n  touchstone rebuilder list');
  common(rebuilder.command('list'), context)
    .description('the enrolled rebuilders')
    .addHelpText('after', '\nExample:\n  touchstone rebuilder list')
    .action((options: Options) => list(options, context));
  withPublicKey(common(rebuilder.command('rotate'), context))
    .argument('<id>', 'id of the rebuilder')
    .description('give a rebuilder another key; what the old one signed before stays')
    .addHelpText('after', '\nExample:\n  touchstone rebuilder rotate acme-1 --key keys/acme-2.pem')
    .action((id: string, options: Options & PublicKeyOptions) => rotate(id, options, context));
  common(rebuilder.command('withdraw'), context)
    .argument('<id>', 'id of the rebuilder')
    .description('withdraw a rebuilder for good; what it said before stays')
    .addHelpText('after', '\nExample:\n  touchstone rebuilder withdraw acme-1')
    .action((id: string, options: Options) => withdraw(id, options, context));
  common(rebuilder.command('retry'), context)
    .argument('<rebuild>', 'id of a rebuild in state `refused`; see `touchstone status --json`')
    .description('have a rebuild made again whose report was refused')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone rebuilder retry 7f0c1d52-5d0e-4a6c-9a3e-0c8b8f2f4f10',
    )
    .action((id: string, options: Options) => retry(id, options, context));
}

function common(command: Command, context: Context): Command {
  return command
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--token <token>', 'admin token (or TOUCHSTONE_ADMIN_TOKEN)')
    .option('--json', 'print JSON');
}

function clientOf({ coordinator, token }: Options, { environment }: Context) {
  return coordinatorClient(coordinator, { admin: token ?? environment['TOUCHSTONE_ADMIN_TOKEN'] });
}

async function list(options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const { items } = await clientOf(options, context).rebuilders({});
  if (options.json === true) {
    terminal.json({ items });
    return;
  }
  for (const { id, organisation, keyId, withdrawnAt } of items) {
    const end = withdrawnAt === undefined ? '' : `  withdrawn ${withdrawnAt}`;
    terminal.print(`${id}  ${organisation}  key ${keyId}${end}`);
  }
}

async function rotate(
  id: string,
  options: Options & PublicKeyOptions,
  context: Context,
): Promise<void> {
  const body = { publicKey: await publicKeyOf(options) };
  print(await clientOf(options, context).rotateKey({ params: { id }, body }), options, context);
}

async function withdraw(id: string, options: Options, context: Context): Promise<void> {
  print(await clientOf(options, context).withdraw({ params: { id } }), options, context);
}

function print(rebuilder: Rebuilder, { json }: Options, { terminal }: Context): void {
  const { id, keyId, withdrawnAt } = rebuilder;
  if (json === true) terminal.json(rebuilder);
  else if (withdrawnAt === undefined) terminal.print(`${id} signs with key ${keyId} from now on`);
  else terminal.print(`${id} is withdrawn since ${withdrawnAt}`);
  if (json !== true) terminal.note('verifiers learn of it by a new trust root: hand one out');
}

async function retry(id: string, options: Options, context: Context): Promise<void> {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    throw new CliError('id-malformed', `${id} is no id of a rebuild: a UUID`, EXIT.usage);
  }
  await clientOf(options, context).retry({ params: { id } });
  if (options.json === true) context.terminal.json({ id, state: 'queued' });
  else context.terminal.print(`${id} is queued again`);
}
