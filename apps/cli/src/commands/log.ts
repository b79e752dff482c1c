import { writeFile } from 'node:fs/promises';
import { decodeUtf8, formatTlogProof, toBase64 } from '@touchstone/note';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { bytesToHex } from '../log-reader.js';
import { index, newest, provenLeaf, withKeys, type LogOptions } from '../log-view.js';
import { registerLogAdd } from './log-add.js';
import { registerLogConsistency } from './log-consistency.js';
import { registerLogEntries } from './log-entries.js';
import { registerLogFsck } from './log-fsck.js';
import { registerLogInfo } from './log-info.js';
import { registerLogLife } from './log-life.js';
import { registerLogVerify } from './log-verify.js';
import { registerSearch } from './search.js';

interface ProofOptions extends LogOptions {
  format: 'text' | 'tlog-proof';
  out?: string;
}

export function registerLog(program: Command, context: Context): void {
  const log = program
    .command('log')
    .description('read, check and write a transparency log, and end or repair one')
    .addHelpText('after', '\nExample:\n  touchstone log checkpoint --trust-root trust-root.json');
  registerLogInfo(log, context);
  registerLogAdd(log, context);
  registerLogEntries(log, context);
  registerSearch(log, context, 'log search');
  withKeys(log.command('checkpoint'), context)
    .description('fetch the newest checkpoint and check its signature')
    .addHelpText('after', '\nExample:\n  touchstone log checkpoint --trust-root trust-root.json')
    .action((options: LogOptions) => checkpoint(options, context));
  withKeys(log.command('proof'), context)
    .argument('<index>', 'index of the entry', index)
    .addOption(
      new Option('--format <format>', 'for people, or a C2SP tlog-proof')
        .choices(['text', 'tlog-proof'])
        .default('text'),
    )
    .option('--out <file>', 'write the tlog-proof to this file instead of standard output')
    .description('make and check the inclusion proof of one entry from the tiles')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone log proof 4 --trust-root trust-root.json --format tlog-proof',
    )
    .action((entry: number, options: ProofOptions) => proof(entry, options, context));
  registerLogConsistency(log, context);
  registerLogVerify(log, context);
  registerLogFsck(log, context);
  registerLogLife(log, context);
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

async function proof(entry: number, options: ProofOptions, { terminal }: Context): Promise<void> {
  const { head, note, leaf, leafHash, hashes } = await provenLeaf(entry, options);
  const result = {
    index: entry,
    size: head.size,
    leafHash: bytesToHex(leafHash),
    root: bytesToHex(head.root),
    hashes: hashes.map((hash) => bytesToHex(hash)),
    leaf: toBase64(leaf),
  };
  const tlogProof = formatTlogProof({ index: entry, hashes, checkpoint: decodeUtf8(note) });
  if (options.out !== undefined) {
    await writeFile(options.out, tlogProof);
    terminal.note(`wrote ${options.out}`);
  }
  if (options.json === true) terminal.json({ ...result, tlogProof });
  else if (options.format === 'tlog-proof') {
    if (options.out === undefined) terminal.print(tlogProof.trimEnd());
  } else {
    terminal.print(`entry ${entry} of ${head.size} is in ${head.origin}`);
    terminal.print(`leaf  ${result.leafHash}`);
    for (const hash of result.hashes) terminal.print(`      ${hash}`);
    terminal.print(`root  ${result.root}`);
  }
}
