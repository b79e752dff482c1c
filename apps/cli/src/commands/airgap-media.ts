import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { joinParts, splitFile } from '../airgap/media.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';

/** Cutting bundles for media that are too small, and putting them together. */
export function registerMedia(airgap: Command, context: Context): void {
  const { terminal } = context;
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

function byteSize(text: string): number {
  const found = /^(\d{1,15})([KMG]?)$/.exec(text);
  if (found === null) throw new InvalidArgumentError('must be bytes, or end in K, M or G');
  return Number(found[1]) * 1024 ** ['', 'K', 'M', 'G'].indexOf(found[2] ?? '');
}
