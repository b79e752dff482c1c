import { readPrivateKey } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import type { Command } from 'commander';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { coordinatorUrl } from './submit.js';

/** How a command is told the public key of a rebuilder. */
export interface PublicKeyOptions {
  spki?: string;
  algorithm?: 'ed25519' | 'ecdsa-p256-sha256';
  key?: string;
}

interface Options extends PublicKeyOptions {
  coordinator: string;
  id: string;
  organisation: string;
  token?: string;
  json?: boolean;
}

export function registerEnrol(program: Command, context: Context): void {
  withPublicKey(program.command('enrol'))
    .description('enrol a rebuilder of an organisation with its public key')
    .requiredOption('--id <id>', 'id of the rebuilder: a-z, 0-9 and -')
    .requiredOption('--organisation <name>', 'the organisation; votes are counted by it')
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--token <token>', 'admin token (or TOUCHSTONE_ADMIN_TOKEN)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone enrol --id acme-1 --organisation "Acme" --key keys/acme.pem',
    )
    .action((options: Options) => enrol(options, context));
}

export function withPublicKey(command: Command): Command {
  return command
    .option('--spki <base64>', 'public key as printed by `touchstone keygen --json`')
    .option('--algorithm <name>', 'algorithm of --spki', 'ed25519')
    .option('--key <file>', 'take the public half of this private key file instead');
}

async function enrol(options: Options, { terminal, environment }: Context): Promise<void> {
  const client = coordinatorClient(options.coordinator, {
    admin: options.token ?? environment['TOUCHSTONE_ADMIN_TOKEN'],
  });
  const rebuilder = await client.enrol({
    body: {
      id: options.id,
      organisation: options.organisation,
      publicKey: await publicKeyOf(options),
    },
  });
  if (options.json === true) terminal.json(rebuilder);
  else
    terminal.print(`enrolled ${rebuilder.id} of ${rebuilder.organisation}, key ${rebuilder.keyId}`);
}

export async function publicKeyOf(
  options: PublicKeyOptions,
): Promise<{ algorithm: 'ed25519' | 'ecdsa-p256-sha256'; spki: string }> {
  if (options.key !== undefined) {
    const { publicKey } = await readPrivateKey(options.key);
    return { algorithm: publicKey.algorithm, spki: toBase64(publicKey.spki) };
  }
  if (options.spki === undefined) {
    throw new CliError('key-missing', 'give --spki or --key', EXIT.usage);
  }
  return { algorithm: options.algorithm ?? 'ed25519', spki: options.spki };
}
