import { compareModules, formatDifference } from '@touchstone/wasm';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { readBounded } from '../input.js';

export function registerDiff(program: Command, context: Context): void {
  program
    .command('diff')
    .argument('<a>', 'one module, e.g. the published one')
    .argument('<b>', 'the other module, e.g. the rebuilt one')
    .description('compare two modules section by section and function by function')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone diff published.wasm rebuilt.wasm')
    .action((a: string, b: string, options: { json?: boolean }) => diff(a, b, options, context));
}

async function diff(
  a: string,
  b: string,
  options: { json?: boolean },
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const [claimed, observed] = [await readBounded(a), await readBounded(b)];
  const difference = compareModules(claimed, observed);
  if (!difference.equal) context.exitCode = EXIT.refuted;
  if (options.json === true) {
    terminal.json(difference);
    return;
  }
  for (const line of formatDifference(difference, claimed, observed)) terminal.print(line);
}
