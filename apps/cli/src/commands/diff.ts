import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { explainDifference } from '@touchstone/wasm';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { differenceLines, differingNodesDocument } from '../diff/components.js';
import { explanationDocument } from '../diff/document.js';
import { explanationPage } from '../diff/page.js';
import { EXIT } from '../failure.js';
import { readBounded } from '../input.js';

interface Options {
  html?: string;
  json?: boolean;
}

export function registerDiff(program: Command, context: Context): void {
  program
    .command('diff')
    .argument('<a>', 'one module or component, e.g. the published one')
    .argument('<b>', 'the other, e.g. the rebuilt one')
    .description('compare two modules or components: where they differ, why, and what mends it')
    .option('--html <file>', 'write the explanation as a page that stands alone')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 equal, 1 not equal (also when equivalent), 2 usage, 3 unreadable.' +
        '\n\nExample:\n  touchstone diff published.wasm rebuilt.wasm --html difference.html',
    )
    .action((a: string, b: string, options: Options) => diff(a, b, options, context));
}

async function diff(a: string, b: string, options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const [claimed, observed] = [await readBounded(a), await readBounded(b)];
  const explanation = explainDifference(claimed, observed);
  if (!explanation.difference.equal) context.exitCode = EXIT.refuted;
  if (options.html !== undefined) {
    const [left, right] = [
      { name: basename(a), bytes: claimed },
      { name: basename(b), bytes: observed },
    ];
    await writeFile(options.html, explanationPage(explanation, left, right));
    terminal.note(terminal.noteStyle('dim', `wrote ${options.html}`));
  }
  if (options.json === true) {
    const nodes = differingNodesDocument(claimed, observed);
    terminal.json({
      ...explanationDocument(explanation, claimed, observed),
      ...(nodes === undefined ? {} : { nodes }),
    });
    return;
  }
  for (const line of differenceLines(explanation, claimed, observed)) terminal.print(line);
}
