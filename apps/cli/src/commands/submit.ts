import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  MAX_UPLOAD_BYTES,
  type Publication,
  type Recipe,
  type VaryWhen,
} from '@touchstone/contract';
import { Option, type Command } from 'commander';
import { coordinatorClient, DEFAULT_COORDINATOR, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readRecipe } from '../input.js';
import { printPublication } from '../publication-text.js';

interface Options {
  coordinator: string;
  artifact?: string;
  token?: string;
  wait?: boolean;
  vary?: true | VaryWhen;
  json?: boolean;
}

export function registerSubmit(program: Command, context: Context): void {
  program
    .command('submit')
    .argument('<recipe>', 'recipe file (JSON)')
    .description('submit a publication to be rebuilt by every enrolled rebuilder')
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--artifact <file>', 'upload this file first, for a recipe whose artifact is an upload')
    .option('--token <token>', 'submitter token (or TOUCHSTONE_SUBMIT_TOKEN)')
    .addOption(
      new Option(
        '--vary [when]',
        'ask rebuilders to build again with path, time, user and the like varied',
      ).choices(['always', 'when-different', 'never']),
    )
    .option('--wait', 'wait until the verdict is no longer pending')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone submit siphash24-1.3.1.json --wait')
    .action((recipe: string, options: Options) => submit(recipe, options, context));
}

export function coordinatorUrl(context: Context): string {
  return context.environment['TOUCHSTONE_COORDINATOR'] ?? DEFAULT_COORDINATOR;
}

async function submit(file: string, options: Options, context: Context): Promise<void> {
  const { terminal, environment, stop } = context;
  const read = await readRecipe(file);
  // A part of the recipe: who asks for more asks for another rebuild, and the statements name it.
  const recipe: Recipe =
    options.vary === undefined
      ? read
      : { ...read, vary: options.vary === true ? 'always' : options.vary };
  const client = coordinatorClient(options.coordinator, {
    submitter: options.token ?? environment['TOUCHSTONE_SUBMIT_TOKEN'],
  });
  if (options.artifact !== undefined) {
    const bytes = await readUpload(options.artifact, recipe);
    await client.upload({ params: { digest: `sha256:${sha256Hex(bytes)}` }, body: bytes });
  }
  let publication = await client.submit({ body: { recipe } });
  while (options.wait === true && publication.verdict === 'pending') {
    await delay(1_000, undefined, { signal: stop });
    publication = await client.read({ params: { id: publication.id } });
  }
  report(publication, options, context);
  if (options.wait === true && publication.verdict !== 'reproduced') {
    context.exitCode = EXIT.refuted;
  }
  if (options.json !== true && publication.verdict === 'pending') {
    terminal.note(`follow it with: touchstone status ${publication.id} --watch`);
  }
}

async function readUpload(file: string, recipe: Recipe): Promise<Uint8Array<ArrayBuffer>> {
  if (recipe.artifact.kind !== 'upload') {
    throw new CliError(
      'artifact-not-upload',
      `recipe.artifact.kind is ${recipe.artifact.kind}, so there is nothing to upload; leave --artifact out`,
      EXIT.usage,
    );
  }
  const bytes = new Uint8Array(await readBounded(file, MAX_UPLOAD_BYTES));
  if (sha256Hex(bytes) !== recipe.artifact.sha256) {
    throw new CliError(
      'artifact-mismatch',
      `${file} has sha256 ${sha256Hex(bytes)}, recipe.artifact.sha256 says ${recipe.artifact.sha256}`,
      EXIT.usage,
    );
  }
  return bytes;
}

function report(publication: Publication, options: Options, { terminal }: Context): void {
  if (options.json === true) terminal.json(publication);
  else printPublication(publication, terminal);
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
