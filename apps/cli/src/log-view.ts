import { nodeVerifier } from '@touchstone/keys';
import { verifyInclusion } from '@touchstone/merkle';
import {
  openCheckpoint,
  parseVerifierKey,
  type Checkpoint,
  type VerifierKey,
} from '@touchstone/note';
import { nodeHasher, TileReader } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from './context.js';
import { CliError, EXIT } from './failure.js';
import { readTrustRoot } from './input.js';
import { readTile } from './log-reader.js';

export interface LogOptions {
  log: string;
  vkey?: string[];
  trustRoot?: string;
  json?: boolean;
}

/** The options by which a command knows a log and its keys. */
export function withKeys(command: Command, { environment }: Context): Command {
  return command
    .option('--log <url>', 'the log', environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--vkey <key...>', "verifier key of the log's checkpoints")
    .option('--trust-root <file>', 'take the keys from this trust root')
    .option('--json', 'print JSON');
}

/** Parses the index of an entry. */
export function index(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

/** The keys to check against; none of them comes from the log. */
export async function keysOf(options: LogOptions): Promise<VerifierKey[]> {
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

/** The newest checkpoint of a log, its signature checked. */
export async function newest(
  options: LogOptions,
): Promise<{ checkpoint: Checkpoint; verified: VerifierKey[]; bytes: Uint8Array }> {
  const keys = await keysOf(options);
  const bytes = await readTile(options.log, 'checkpoint');
  if (bytes === undefined) {
    throw new CliError('log-unreachable', `${options.log} has no checkpoint`, EXIT.absent);
  }
  try {
    const { checkpoint, verified } = await openCheckpoint(bytes, keys, nodeVerifier);
    return { checkpoint, verified: [...verified], bytes };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CliError('checkpoint-signature', why, EXIT.refuted, { cause });
  }
}

/** A leaf with the proof that it is in the newest tree, made from the tiles and checked. */
export async function provenLeaf(
  entry: number,
  options: LogOptions,
): Promise<{
  head: Checkpoint;
  /** The signed note of `head`, as it was served. */
  note: Uint8Array;
  leaf: Uint8Array;
  leafHash: Uint8Array;
  hashes: Uint8Array[];
}> {
  const { checkpoint: head, bytes: note } = await newest(options);
  if (entry >= head.size) {
    throw new CliError('index-out-of-range', `the log has ${head.size} entries`, EXIT.absent);
  }
  const reader = new TileReader((path) => readTile(options.log, path));
  const hashes = await reader.inclusionProof(entry, head.size);
  const leaf = await reader.entry(entry, head.size);
  const leafHash = nodeHasher.leaf(leaf);
  try {
    verifyInclusion({ index: entry, size: head.size, leafHash, proof: hashes, root: head.root });
  } catch (cause) {
    throw new CliError('inclusion-proof', 'the tiles do not prove the entry', EXIT.refuted, {
      cause,
    });
  }
  return { head, note, leaf, leafHash, hashes };
}
