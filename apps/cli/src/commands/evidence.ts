import { writeFile } from 'node:fs/promises';
import { narrowEvidence } from '@touchstone/attest';
import type { Command } from 'commander';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot } from '../input.js';
import { coordinatorUrl } from './submit.js';

interface Options {
  coordinator: string;
  out?: string;
  trustRoot?: string;
}

export function registerEvidence(program: Command, context: Context): void {
  program
    .command('evidence')
    .argument('<id>', 'publication id')
    .description('fetch the evidence file of a publication: statements, proofs, one checkpoint')
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--out <file>', 'write it to this file instead of standard output')
    .option('--trust-root <file>', 'leave out statements by rebuilders that it does not name')
    .option('--json', 'the evidence file is JSON in any case; accepted for symmetry')
    .addHelpText('after', '\nExample:\n  touchstone evidence <id> --out siphash24.evidence.json')
    .action((id: string, options: Options) => evidence(id, options, context));
}

async function evidence(id: string, options: Options, { terminal }: Context): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new CliError('id-malformed', `${id} is no publication id: 64 hex digits`, EXIT.usage);
  }
  const trustRoot =
    options.trustRoot === undefined ? undefined : await readTrustRoot(options.trustRoot);
  const all = await coordinatorClient(options.coordinator).evidence({ params: { id } });
  const document = trustRoot === undefined ? all : narrowEvidence(all, trustRoot);
  const left = all.entries.length - document.entries.length;
  if (left > 0) terminal.note(`left out ${left} statements by rebuilders of no concern here`);
  const text = `${JSON.stringify(document)}\n`;
  if (options.out === undefined) {
    terminal.print(text.trimEnd());
    return;
  }
  await writeFile(options.out, text);
  terminal.note(`wrote ${options.out}; check it offline with \`touchstone verify\``);
}
