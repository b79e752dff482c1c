import { nodeVerifier, readPrivateKey } from '@touchstone/keys';
import { formatVerifierKey, noteSigner, parseVerifierKey, type NoteSigner } from '@touchstone/note';
import { fsck, lockFolder, PosixStorage, repair, type FsckReport } from '@touchstone/tlog';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { keysOf, type LogOptions } from '../log-view.js';

interface FsckOptions extends Pick<LogOptions, 'vkey' | 'trustRoot' | 'json'> {
  repair?: boolean;
  key?: string;
}

export function registerLogFsck(log: Command, context: Context): void {
  log
    .command('fsck')
    .argument('<tiles>', 'folder of the tiles')
    .option('--vkey <key...>', "verifier key of the log's checkpoints")
    .option('--trust-root <file>', 'take the keys from this trust root')
    .option('--repair', 'make anew what can be derived; the log must not be running')
    .option('--key <file>', 'private key of the log, to sign a checkpoint that is lost')
    .option('--json', 'print JSON')
    .description('re-derive the whole tree from the entries and name every wrong file')
    .addHelpText(
      'after',
      '\nRepaired are tiles of hashes, narrow bundles, the state, and with --key the checkpoint.' +
        '\nEntries that are lost come from nowhere else: each such file is named.' +
        '\n\nExit codes: 0 clean, or clean after the repair; 1 something is wrong.' +
        '\n\nExample:\n  touchstone log fsck .touchstone/tiles --trust-root tr.json --repair',
    )
    .action((tiles: string, options: FsckOptions) => check(tiles, options, context));
}

async function check(tiles: string, options: FsckOptions, context: Context): Promise<void> {
  const vkeys = (await keysOf({ log: tiles, ...options })).map(formatVerifierKey);
  const storage = new PosixStorage(tiles);
  if (options.repair === true) return mend(tiles, storage, vkeys, options, context);
  const report = await fsck(storage, { vkeys, verify: nodeVerifier });
  if (!report.ok) context.exitCode = EXIT.refuted;
  const { ok, size, problems, truncated } = report;
  if (options.json === true) context.terminal.json({ ok, size, problems, truncated });
  else print(report, context);
}

async function mend(
  tiles: string,
  storage: PosixStorage,
  vkeys: readonly string[],
  options: FsckOptions,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const signers = options.key === undefined ? [] : [await signerOf(options.key, vkeys)];
  const lock = await lockFolder(tiles);
  try {
    const report = await repair(storage, { vkeys, verify: nodeVerifier, signers });
    const { repaired, unrepaired, after } = report;
    if (!after.ok) context.exitCode = EXIT.refuted;
    if (options.json === true) {
      const { ok, size, problems, truncated } = after;
      terminal.json({ ok, size, repaired, unrepaired, problems, truncated });
      return;
    }
    for (const { path, from } of repaired) {
      terminal.print(`${terminal.style('green', 'repaired')}  ${path} from ${from}`);
    }
    for (const { path, why } of unrepaired) {
      terminal.print(`${terminal.style('red', 'lost')}  ${path}: ${why}`);
    }
    print({ ...after, problems: [] }, context);
  } finally {
    await lock.release();
  }
}

/** The key must be one of those that are trusted: a checkpoint by another would be worth nothing. */
async function signerOf(file: string, vkeys: readonly string[]): Promise<NoteSigner> {
  const key = await readPrivateKey(file);
  for (const { name } of vkeys.map(parseVerifierKey)) {
    const signer = noteSigner(name, key);
    if (vkeys.includes(formatVerifierKey(signer.verifierKey))) return signer;
  }
  const message = `${file} is the key of none of the given verifier keys`;
  throw new CliError('key-malformed', message, EXIT.usage);
}

function print({ ok, size, problems }: FsckReport, { terminal }: Context): void {
  for (const { path, code, message } of problems) {
    terminal.print(`${terminal.style('red', code)}  ${path}: ${message}`);
  }
  const verdict = ok ? terminal.style('green', 'clean') : terminal.style('red', 'damaged');
  terminal.print(`${verdict}: ${size} entries`);
}
