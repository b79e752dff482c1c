import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { checkHandedOn, handOnParts } from '../airgap/hand-on.js';
import { joinParts, splitFile } from '../airgap/media.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';

/** Cutting bundles for media that are too small, handing parts on, and putting them together. */
export function registerMedia(airgap: Command, context: Context): void {
  registerSplit(airgap, context);
  registerHandOn(airgap, context);
  registerCheckParts(airgap, context);
  registerJoin(airgap, context);
}

function registerSplit(airgap: Command, { terminal }: Context): void {
  airgap
    .command('split')
    .argument('<file>', 'a bundle, or any file')
    .description('cut a file into parts that fit a medium, each checkable by itself')
    .requiredOption('--size <bytes>', 'of a part: 4G, 700M, 64K or bytes', byteSize)
    .option('--out <dir>', 'where the parts go', '.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone airgap split hut.tar --size 700M --out parts')
    .action(async (file: string, options: { size: number; out: string; json?: boolean }) => {
      const parts = await splitFile(file, options.out, options.size);
      if (options.json === true) terminal.json({ parts });
      else for (const part of parts) terminal.print(part);
    });
}

function registerHandOn(airgap: Command, { terminal }: Context): void {
  airgap
    .command('hand-on')
    .argument('<parts...>', 'all parts of one file, or folders that hold them')
    .description('name some parts of a file, with one proof that they are of it')
    .requiredOption('--parts <numbers>', 'which: 1,3-5', partNumbers)
    .requiredOption('--out <file>', 'the proof to make; it goes along with the parts')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 written; 1 parts are missing, damaged or of two files; 2 there is no such part;' +
        ' 3 a file cannot be read.' +
        '\n\nExample:\n  touchstone airgap hand-on parts --parts 1,3-5 --out some.proof',
    )
    .action(async (paths: string[], options: { parts: number[]; out: string; json?: boolean }) => {
      const handed = await handOnParts(paths, options.parts, resolve(options.out));
      if (options.json === true) terminal.json(handed);
      else {
        for (const { path } of handed.parts) terminal.print(path);
        const { parts, count, file } = handed;
        terminal.print(`${options.out} names ${parts.length} of ${count} parts of file ${file}`);
      }
    });
}

function registerCheckParts(airgap: Command, context: Context): void {
  const { terminal } = context;
  airgap
    .command('check-parts')
    .argument('<parts...>', 'parts that were handed on, or folders that hold them')
    .description('hold parts against the proof that came along; says which are there and whole')
    .requiredOption('--proof <file>', 'what `hand-on` made')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all that the proof names are there and whole; 1 some are not, or the proof does' +
        ' not hold;\n3 a file cannot be read.' +
        '\n\nExample:\n  touchstone airgap check-parts parts --proof some.proof',
    )
    .action(async (paths: string[], options: { proof: string; json?: boolean }) => {
      const found = await checkHandedOn(paths, options.proof);
      if (found.missing.length > 0) context.exitCode = EXIT.refuted;
      if (options.json === true) {
        terminal.json(found);
        return;
      }
      for (const { path, reason } of found.damaged) terminal.print(`${path}: ${reason}`);
      terminal.print(`of file ${found.file}:`);
      for (const { path, index } of found.whole) {
        terminal.print(`part ${index + 1} of ${found.count} is whole: ${path}`);
      }
      for (const { path, index } of found.beyond) {
        terminal.print(`part ${index + 1} of ${found.count} is whole, and not of those: ${path}`);
      }
      for (const index of found.missing) {
        terminal.print(`part ${index + 1} of ${found.count} is missing`);
      }
    });
}

function registerJoin(airgap: Command, context: Context): void {
  const { terminal } = context;
  airgap
    .command('join')
    .argument('<parts...>', 'parts, or folders that hold them, in any order')
    .description('put parts together again; says which are missing')
    .requiredOption('--out <file>', 'the file to make')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 joined; 1 parts are missing or damaged.' +
        '\n\nExample:\n  touchstone airgap join parts --out hut.tar',
    )
    .action(async (parts: string[], options: { out: string; json?: boolean }) => {
      const result = await joinParts(parts, resolve(options.out));
      if (result.missing.length > 0) context.exitCode = EXIT.refuted;
      if (options.json === true) {
        terminal.json(result);
        return;
      }
      for (const { path, reason } of result.damaged) terminal.print(`${path}: ${reason}`);
      const missing = result.missing.map((index) => index + 1).join(', ');
      terminal.print(
        missing === ''
          ? `${options.out} from ${result.count} parts`
          : `missing: parts ${missing} of ${result.count}`,
      );
    });
}

/** `1,3-5`, counted from 1 as the parts' names do, to indices from 0. */
function partNumbers(text: string): number[] {
  const indices = new Set<number>();
  for (const item of text.split(',')) {
    const found = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(item);
    const [first, last] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
    if (!(first <= last)) throw new InvalidArgumentError('must be numbers from 1, such as 1,3-5');
    for (let number = first; number <= last; number++) indices.add(number - 1);
  }
  return [...indices];
}

function byteSize(text: string): number {
  const found = /^(\d{1,15})([KMG]?)$/.exec(text);
  if (found === null) throw new InvalidArgumentError('must be bytes, or end in K, M or G');
  return Number(found[1]) * 1024 ** ['', 'K', 'M', 'G'].indexOf(found[2] ?? '');
}
