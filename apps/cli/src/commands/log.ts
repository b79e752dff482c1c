import { nodeVerifier } from '@touchstone/keys';
import { verifyInclusion } from '@touchstone/merkle';
import {
  formatVerifierKey,
  openCheckpoint,
  parseVerifierKey,
  toBase64,
  type VerifierKey,
} from '@touchstone/note';
import { fsck, nodeHasher, PosixStorage, TileReader } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot } from '../input.js';
import { bytesToHex, readTile } from '../log-reader.js';

interface LogOptions {
  log: string;
  vkey?: string[];
  trustRoot?: string;
  json?: boolean;
}

export function registerLog(program: Command, context: Context): void {
  const log = program.command('log').description('read and check a transparency log');
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

function withKeys(command: Command, { environment }: Context): Command {
  return command
    .option('--log <url>', 'the log', environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--vkey <key...>', "verifier key of the log's checkpoints")
    .option('--trust-root <file>', 'take the keys from this trust root')
    .option('--json', 'print JSON');
}

function index(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

async function keysOf(options: LogOptions): Promise<VerifierKey[]> {
  const texts = [...(options.vkey ?? [])];
  if (options.trustRoot !== undefined) {
    texts.push(...(await readTrustRoot(options.trustRoot)).logs.map((log) => log.vkey));
  }
  if (texts.length === 0) {
    throw new CliError('key-missing', 'give --vkey or --trust-root to check against', EXIT.usage);
  }
  return texts.map((text) => {
    try {
      return parseVerifierKey(text);
    } catch (cause) {
      throw new CliError('key-malformed', `${text} is no verifier key`, EXIT.usage, { cause });
    }
  });
}

async function newest(options: LogOptions): Promise<Awaited<ReturnType<typeof openCheckpoint>>> {
  const keys = await keysOf(options);
  const bytes = await readTile(options.log, 'checkpoint');
  if (bytes === undefined) {
    throw new CliError('log-unreachable', `${options.log} has no checkpoint`, EXIT.absent);
  }
  try {
    return await openCheckpoint(bytes, keys, nodeVerifier);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CliError('checkpoint-signature', why, EXIT.refuted, { cause });
  }
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
  const { checkpoint: head } = await newest(options);
  if (entry >= head.size) {
    throw new CliError('index-out-of-range', `the log has ${head.size} entries`, EXIT.absent);
  }
  const reader = new TileReader((path) => readTile(options.log, path));
  const [hashes, leaf] = [
    await reader.inclusionProof(entry, head.size),
    await reader.entry(entry, head.size),
  ];
  const leafHash = nodeHasher.leaf(leaf);
  try {
    verifyInclusion({ index: entry, size: head.size, leafHash, proof: hashes, root: head.root });
  } catch (cause) {
    throw new CliError('inclusion-proof', 'the tiles do not prove the entry', EXIT.refuted, {
      cause,
    });
  }
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
