import { nodeVerifier } from '@touchstone/keys';
import { verifyInclusion } from '@touchstone/merkle';
import {
  NoteError,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  type Checkpoint,
  type VerifierKey,
} from '@touchstone/note';
import { nodeHasher, TileReader } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from './context.js';
import { CliError, EXIT } from './failure.js';
import { readTrustRoot } from './input.js';
import { logFiles, type LogFiles } from './log-files.js';
import { findLifeLeaves, followKeys } from './log-keys.js';

export interface LogOptions {
  log: string;
  vkey?: string[];
  trustRoot?: string;
  json?: boolean;
}

/** The options by which a command knows a log and its keys. */
export function withKeys(command: Command, { environment }: Context): Command {
  return command
    .option(
      '--log <url|folder>',
      'the log, or its folder',
      environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG,
    )
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
export interface NewestCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly verified: readonly VerifierKey[];
  /** The signed note, as it was served. */
  readonly bytes: Uint8Array;
}

/**
 * Reads the newest checkpoint. One that none of the given keys signed is taken when a given key
 * announced, in a leaf of that very log, the key that did.
 */
export async function newest(options: LogOptions): Promise<NewestCheckpoint> {
  const keys = await keysOf(options);
  const log = logFiles(options.log);
  const bytes = await log.read('checkpoint');
  if (bytes === undefined) {
    throw new CliError('log-unreachable', `${options.log} has no checkpoint`, EXIT.absent);
  }
  try {
    const { checkpoint, verified } = await openCheckpoint(bytes, keys, nodeVerifier);
    return { checkpoint, verified, bytes };
  } catch (cause) {
    const followed = await afterRotation(log, bytes, keys, cause);
    if (followed) return followed;
    const why = cause instanceof Error ? cause.message : '';
    throw new CliError('checkpoint-signature', why, EXIT.refuted, { cause });
  }
}

async function afterRotation(
  log: LogFiles,
  bytes: Uint8Array,
  trusted: readonly VerifierKey[],
  cause: unknown,
): Promise<NewestCheckpoint | undefined> {
  if (!(cause instanceof NoteError) || cause.code !== 'no-known-signature') return undefined;
  const { size } = parseCheckpoint(parseNote(bytes).text);
  const leaves = await findLifeLeaves(log, size).catch(() => []);
  const { keys, vouched } = await followKeys(leaves, trusted);
  if (vouched.length === 0) return undefined;
  const { checkpoint, verified } = await openCheckpoint(bytes, keys, nodeVerifier);
  const reader = new TileReader(log.read);
  for (const { index, leaf } of vouched) {
    const proof = await reader.inclusionProof(index, checkpoint.size);
    checkInclusion({ index, leafHash: nodeHasher.leaf(leaf), proof, head: checkpoint });
  }
  return { checkpoint, verified, bytes };
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
  const reader = new TileReader(logFiles(options.log).read);
  const hashes = await reader.inclusionProof(entry, head.size);
  const leaf = await reader.entry(entry, head.size);
  const leafHash = nodeHasher.leaf(leaf);
  checkInclusion({ index: entry, leafHash, proof: hashes, head });
  return { head, note, leaf, leafHash, hashes };
}

/** @throws CliError `inclusion-proof` */
export function checkInclusion(claim: {
  readonly index: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly head: Pick<Checkpoint, 'size' | 'root'>;
}): void {
  const { index, leafHash, head } = claim;
  const proof = [...claim.proof];
  try {
    verifyInclusion({ index, size: head.size, leafHash, proof, root: head.root }, nodeHasher);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CliError('inclusion-proof', `entry ${index} is not proven: ${why}`, EXIT.refuted, {
      cause,
    });
  }
}
