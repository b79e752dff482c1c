import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { explainDifference } from '@touchstone/wasm';
import { SANDBOX_CHOICES, type RebuildReport, type SandboxChoice } from '@touchstone/rebuild';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT, type ExitCode } from '../failure.js';
import { readBounded, readRecipe } from '../input.js';
import { rebuildLocally } from '../rebuilding.js';
import { quoted, type Terminal } from '../terminal.js';
import { differenceLines } from '../diff/components.js';
import { variationLines } from '../diff/variation-text.js';

interface Options {
  cache: string;
  artifact?: string;
  out?: string;
  sandbox: SandboxChoice;
  allowPrivateRegistries?: boolean;
  vary?: true | 'always' | 'when-different';
  json?: boolean;
}

export function registerRebuild(program: Command, context: Context): void {
  program
    .command('rebuild')
    .argument('<recipe>', 'recipe file (JSON)')
    .description('rebuild a publication here, without any server: fetch, build, compare, explain')
    .option('--cache <dir>', 'folder for tarballs and toolchains', '.touchstone/cache')
    .option('--artifact <file>', 'the published file, for a recipe whose artifact is an upload')
    .option('--out <dir>', 'keep published and rebuilt modules in this folder')
    .addOption(
      new Option('--sandbox <kind>', 'what the build runs in; auto: bubblewrap where it works')
        .choices(SANDBOX_CHOICES)
        .default('auto'),
    )
    .option('--allow-private-registries', 'let sources come from private and loopback addresses')
    .addOption(
      new Option(
        '--vary [when]',
        'build again with path, time, user and the like varied, and say what changes the bytes',
      ).choices(['always', 'when-different']),
    )
    .option('--json', 'print the rebuild predicate as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 reproduced, 1 equivalent, different or failed, 2 usage, 3 unavailable.' +
        '\n\nExamples:\n  touchstone rebuild apps/cli/recipes/siphash24-1.3.1.json' +
        '\n  touchstone rebuild apps/cli/recipes/siphash24-1.3.1.json --sandbox docker',
    )
    .action((recipe: string, options: Options) => rebuildRecipe(recipe, options, context));
}

async function rebuildRecipe(file: string, options: Options, context: Context): Promise<void> {
  const { terminal, stop } = context;
  const recipe = await readRecipe(file);
  if (recipe.artifact.kind === 'upload' && options.artifact === undefined) {
    throw new CliError('artifact-missing', 'the recipe needs --artifact <file>', EXIT.usage);
  }
  const report = await rebuildLocally(recipe, {
    cacheDir: resolve(options.cache),
    allowPrivate: options.allowPrivateRegistries === true,
    sandbox: options.sandbox,
    ...(options.vary === undefined
      ? {}
      : { vary: options.vary === true ? 'always' : options.vary }),
    ...(options.artifact === undefined ? {} : { upload: await readBounded(options.artifact) }),
    onProgress: (stage) => {
      terminal.note(terminal.noteStyle('dim', `… ${stage}`));
    },
    signal: stop,
  });
  if (options.out !== undefined) await keepModules(report, options.out);
  context.exitCode = exitCodeOf(report);
  if (options.json === true) terminal.json(report.predicate);
  else printReport(report, terminal);
}

function exitCodeOf({ predicate }: RebuildReport): ExitCode {
  if (predicate.outcome === 'reproduced') return EXIT.ok;
  return predicate.outcome === 'unavailable' ? EXIT.absent : EXIT.refuted;
}

async function keepModules(report: RebuildReport, out: string): Promise<void> {
  for (const [folder, modules] of [
    ['published', report.claimed],
    ['rebuilt', report.built],
  ] as const) {
    await mkdir(join(out, folder), { recursive: true });
    for (const [name, bytes] of modules) await writeFile(join(out, folder, `${name}.wasm`), bytes);
  }
}

function printReport({ predicate, claimed, built }: RebuildReport, terminal: Terminal): void {
  for (const module of predicate.modules) {
    const good = module.outcome === 'reproduced';
    const outcome = terminal.style(good ? 'green' : 'red', module.outcome);
    terminal.print(`${module.name}  ${module.claimed.digest.sha256}  ${outcome}`);
    const [published, rebuilt] = [claimed.get(module.name), built.get(module.name)];
    if (good || published === undefined || rebuilt === undefined) continue;
    const explanation = explainDifference(published, rebuilt);
    for (const line of differenceLines(explanation, published, rebuilt))
      terminal.print(`  ${line}`);
  }
  const { failure, toolchain, outcome, variation } = predicate;
  if (variation !== undefined) for (const line of variationLines(variation)) terminal.print(line);
  if (failure !== undefined) terminal.print(`${failure.code}: ${quoted(failure.message)}`);
  if (toolchain !== undefined) {
    const { name, version, digest } = toolchain;
    terminal.print(`toolchain ${name} ${version}, tree ${digest.sha256}`);
  }
  terminal.print(`outcome: ${terminal.style(outcome === 'reproduced' ? 'green' : 'red', outcome)}`);
}
