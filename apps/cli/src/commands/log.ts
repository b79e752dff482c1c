import { nodeVerifier } from '@touchstone/keys';
import { formatVerifierKey, toBase64 } from '@touchstone/note';
import { fsck, PosixStorage } from '@touchstone/tlog';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { index, keysOf, newest, provenLeaf, withKeys, type LogOptions } from '../log-view.js';
import { bytesToHex } from '../log-reader.js';
import { registerLogAdd } from './log-add.js';
import { registerLogEntries } from './log-entries.js';

export function registerLog(program: Command, context: Context): void {
  const log = program.command('log').description('read, check and write a transparency log');
  registerLogAdd(log, context);
  registerLogEntries(log, context);
  withKeys(log.command('checkpoint'), context)
    .description('fetch the newest checkpoint and check its signature')
    .addHelpText('after', '\nExample:\n  touchstone log checkpoint --trust-root trust-root.json')
    .action((options: LogOptions) => checkpoint(options, context));
  withKeys(log.command('proof'), context)
    .argument('<index>', 'index of the entry', index)
    .description('make and check the inclusion proof of one entry from the tiles')
    .addHelpText('after', '\nExample:\n  touchstone log proof 4 --trust-root trust-root.json')
    .action((entry: number, options: LogOptions) => proof(entry, options, context));
  log
    .command('fsck')
    .argument('<tiles>', 'folder of the tiles')
    .option('--vkey <key...>', "verifier key of the log's checkpoints")
    .option('--trust-root <file>', 'take the keys from this trust root')
    .option('--json', 'print JSON')
    .description('re-derive the whole tree from the entries and name every wrong file')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone log fsck .touchstone/tiles --trust-root tr.json',
    )
    .action((tiles: string, options: LogOptions) => check(tiles, options, context));
}

async function checkpoint(options: LogOptions, { terminal }: Context): Promise<void> {
  const { checkpoint: head, verified } = await newest(options);
  const signedBy = verified.map((key) => key.name);
  if (options.json === true) {
    terminal.json({ origin: head.origin, size: head.size, root: toBase64(head.root), signedBy });
    return;
  }
  terminal.print(`origin  ${head.origin}`);
  terminal.print(`size    ${head.size}`);
  terminal.print(`root    ${bytesToHex(head.root)}`);
  terminal.print(`signed  ${signedBy.join(', ')}`);
}

async function proof(entry: number, options: LogOptions, { terminal }: Context): Promise<void> {
  const { head, leaf, leafHash, hashes } = await provenLeaf(entry, options);
  const result = {
    index: entry,
    size: head.size,
    leafHash: bytesToHex(leafHash),
    root: bytesToHex(head.root),
    hashes: hashes.map((hash) => bytesToHex(hash)),
    leaf: toBase64(leaf),
  };
  if (options.json === true) terminal.json(result);
  else {
    terminal.print(`entry ${entry} of ${head.size} is in ${head.origin}`);
    terminal.print(`leaf  ${result.leafHash}`);
    for (const hash of result.hashes) terminal.print(`      ${hash}`);
    terminal.print(`root  ${result.root}`);
  }
}

async function check(tiles: string, options: LogOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const vkeys = (await keysOf(options)).map(formatVerifierKey);
  const report = await fsck(new PosixStorage(tiles), { vkeys, verify: nodeVerifier });
  if (!report.ok) context.exitCode = EXIT.refuted;
  const { ok, size, problems, truncated } = report;
  if (options.json === true) terminal.json({ ok, size, problems, truncated });
  else {
    for (const { path, code, message } of problems) {
      terminal.print(`${terminal.style('red', code)}  ${path}: ${message}`);
    }
    const verdict = ok ? terminal.style('green', 'clean') : terminal.style('red', 'damaged');
    terminal.print(`${verdict}: ${size} entries`);
  }
}
