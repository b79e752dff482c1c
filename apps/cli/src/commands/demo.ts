import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import type { DemoResult } from '../demo/demo.js';
import { EXIT } from '../failure.js';
import { verdictText } from '../publication-text.js';
import type { Terminal } from '../terminal.js';

interface Options {
  data: string;
  json?: boolean;
}

export function registerDemo(program: Command, context: Context): void {
  program
    .command('demo')
    .description('the main job on real publications: rebuild, compare, sign, log, verify, attack')
    .option('--data <dir>', 'data folder', '.touchstone')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  touchstone demo --json')
    .action((options: Options) => demo(options, context));
}

async function demo(options: Options, context: Context): Promise<void> {
  const { terminal, stop } = context;
  const data = resolve(options.data);
  const began = performance.now();
  // Loaded here: the database client takes longer to load than most commands take to run.
  const { runDemo } = await import('../demo/demo.js');
  const result = await runDemo({
    dir: join(data, 'demo'),
    cacheDir: join(data, 'cache'),
    evidenceDir: join(data, 'evidence'),
    progress: (line) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
      terminal.note(`${terminal.noteStyle('dim', `${seconds} s`)}  ${line}`);
    },
    stop,
  });
  if (!result.ok) context.exitCode = EXIT.refuted;
  if (options.json === true) terminal.json(result);
  else printSummary(result, terminal);
}

function printSummary(result: DemoResult, terminal: Terminal): void {
  terminal.print();
  terminal.print(terminal.style('bold', `Verdicts (${result.policy} must agree)`));
  for (const { name, verdict, modules, offline, difference } of result.publications) {
    const count = modules.length === 1 ? '1 module' : `${modules.length} modules`;
    terminal.print(
      `  ${name.padEnd(36)} ${count.padEnd(11)} ${verdictText(verdict, terminal).padEnd(11)}` +
        ` offline: ${offline.verdict ?? offline.code ?? 'failed'}`,
    );
    for (const { index, ranges } of difference?.functions ?? []) {
      const where = ranges
        .map(({ offset, length }) => `${offset}..${offset + length - 1}`)
        .join(', ');
      const sections = difference?.sections.join(', ') ?? '';
      terminal.print(
        `    section ${sections}: function ${index} differs at file bytes ${where} (first, last)`,
      );
    }
  }
  terminal.print();
  terminal.print(terminal.style('bold', 'One byte flipped in a copy, then verified offline'));
  for (const { target, code, exitCode } of result.attacks) {
    const refused = exitCode === EXIT.refuted ? terminal.style('green', 'refused') : 'NOT REFUSED';
    terminal.print(`  ${target.padEnd(12)} ${refused} ${code}`);
  }
  terminal.print();
  terminal.print(terminal.style('bold', 'Checkpoint of the log'));
  for (const line of result.checkpoint.trimEnd().split('\n')) terminal.print(`  ${line}`);
  terminal.print();
  const [first] = result.publications;
  if (first !== undefined) {
    terminal.print('Check one yourself, with the network off:');
    terminal.print(
      `  npx touchstone verify ${first.evidenceFile} --trust-root ${result.trustRootFile}`,
    );
  }
  const verdict = result.ok
    ? terminal.style('green', 'everything was as it should be')
    : terminal.style('red', 'something was NOT as it should be');
  terminal.print(`${verdict}, in ${result.seconds} s`);
}
