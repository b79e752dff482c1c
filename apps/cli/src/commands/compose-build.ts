import { writeFile } from 'node:fs/promises';
import { basename, dirname, extname, relative } from 'node:path';
import { compose, parsePlan, PLAN_SCHEMA, type Composition } from '@touchstone/compose';
import type { Command } from 'commander';
import { findComponents } from '../compose/component-files.js';
import { oneLine } from '../compose/graph-view.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { sha256 } from '../native-hash.js';
import type { Terminal } from '../terminal.js';

interface BuildOptions {
  out?: string;
  component: string[];
  folder?: string;
  dryRun?: boolean;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

interface PlanOptions {
  socket: string;
  out?: string;
}

/** `compose build` and `compose plan`. */
export function registerComposeBuild(group: Command, context: Context): void {
  group
    .command('build')
    .argument('<plan>', 'composition plan (JSON)')
    .description('compose components by a plan into one: the same bytes wherever it is done')
    .option('-o, --out <file>', 'write the composition here')
    .option(
      '--component <place...>',
      'files or oci://HOST/NAME@sha256:HEX with components in it',
      [],
    )
    .option('--folder <dir>', 'look for components in the files of this folder, by digest')
    .option('--dry-run', 'compose and say who is given what, write nothing')
    .option('--allow-private-registries', 'speak to private and loopback addresses too')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nA component is looked for among --component, in --folder, then at the plan’s own `file`.' +
        '\nWherever it is found, its digest must be that of the plan.' +
        '\n\nExit codes: 0 composed, 1 the plan cannot be carried out, 2 usage, 3 not found.' +
        '\n\nExamples:\n  touchstone compose build plan.json -o app.wasm' +
        '\n  touchstone compose build plan.json --folder components --dry-run',
    )
    .action((plan: string, options: BuildOptions) => build(plan, options, context));
  group
    .command('plan')
    .argument('<components...>', 'components (files) that are plugged into the socket')
    .description('write a plan that plugs components into one, to be read and changed')
    .requiredOption('--socket <file>', 'the component whose imports they give')
    .option('-o, --out <file>', 'write here, not to standard output')
    .option('--json', 'the plan is JSON in any case; accepted for symmetry')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone compose plan auth.wasm log.wasm --socket front.wasm -o plan.json',
    )
    .action((files: string[], options: PlanOptions) => plan(files, options, context));
}

async function build(file: string, options: BuildOptions, context: Context): Promise<void> {
  const { terminal, stop } = context;
  if ((options.out === undefined) !== (options.dryRun === true)) {
    throw new CliError('usage', 'give either --out or --dry-run', EXIT.usage);
  }
  const parsed = parsePlan(await readJson(file));
  const components = await findComponents(file, parsed, {
    components: options.component,
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    allowPrivate: options.allowPrivateRegistries === true,
    signal: stop,
  });
  const composition = compose(parsed, components, { sha256 });
  if (options.out !== undefined) await writeFile(options.out, composition.bytes);
  const { bytes, ...rest } = composition;
  const digest = { sha256: Buffer.from(sha256(bytes)).toString('hex') };
  if (options.json === true) {
    terminal.json({ file: options.out ?? null, size: bytes.length, digest, ...rest });
  } else printComposition(composition, digest.sha256, options.out, terminal);
}

function printComposition(
  { bytes, instances, imports, exports }: Composition,
  digest: string,
  out: string | undefined,
  terminal: Terminal,
): void {
  for (const { name, component, connections } of instances) {
    terminal.print(component === name ? name : `${name}, made of ${component}`);
    for (const { import: label, from } of connections) {
      const giver = 'host' in from ? `the host, ${from.host}` : `${from.instance}, ${from.export}`;
      terminal.print(`  ${oneLine(label)} ← ${oneLine(giver)}`);
    }
  }
  for (const label of imports) terminal.print(`imports ${oneLine(label)}`);
  for (const label of exports) terminal.print(`exports ${oneLine(label)}`);
  terminal.print(`${out ?? 'not written'}: ${bytes.length} bytes`);
  terminal.print(`sha256:${digest}`);
}

async function plan(
  files: readonly string[],
  { socket, out }: PlanOptions,
  { terminal }: Context,
): Promise<void> {
  const components: Record<string, { sha256: string; file: string }> = {};
  const named = async (file: string): Promise<string> => {
    const name = basename(file, extname(file)).replaceAll(/[^A-Za-z0-9._+-]/gu, '-');
    if (components[name] !== undefined) {
      throw new CliError('usage', `two components would be called ${name}`, EXIT.usage);
    }
    const digest = Buffer.from(sha256(await readBounded(file))).toString('hex');
    components[name] = { sha256: digest, file: relative(dirname(out ?? '.'), file) };
    return name;
  };
  const plugs: string[] = [];
  for (const file of files) plugs.push(await named(file));
  const made = { schema: PLAN_SCHEMA, components, plug: { socket: await named(socket), plugs } };
  parsePlan(made);
  if (out === undefined) terminal.json(made);
  else {
    await writeFile(out, `${JSON.stringify(made, null, 2)}\n`);
    terminal.note(`${out}: plan of ${Object.keys(components).length} components`);
  }
}
