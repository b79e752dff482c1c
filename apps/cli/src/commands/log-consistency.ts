import { nodeVerifier } from '@touchstone/keys';
import { verifyConsistency } from '@touchstone/merkle';
import { openCheckpoint, toBase64, type Checkpoint } from '@touchstone/note';
import { nodeHasher, TileReader } from '@touchstone/tlog';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { logFiles } from '../log-files.js';
import { bytesToHex } from '../log-reader.js';
import { keysOf, newest, withKeys, type LogOptions } from '../log-view.js';

const MAX_NOTE_BYTES = 1024 * 1024;

type Head = Pick<Checkpoint, 'size' | 'root'>;

export function registerLogConsistency(log: Command, context: Context): void {
  withKeys(log.command('consistency'), context)
    .argument('<old>', 'file with a checkpoint that the log signed earlier, or a size')
    .argument('[new]', 'the same for the newer side; the newest checkpoint unless given')
    .description('prove that the log only grew from one checkpoint to another')
    .addHelpText(
      'after',
      '\nA file proves most: of a size, the root is made from the tiles that the log has now.' +
        '\n\nExample:\n  touchstone log consistency last-week.note --trust-root trust-root.json',
    )
    .action((old: string, later: string | undefined, options: LogOptions) =>
      consistency(old, later, options, context),
    );
}

async function consistency(
  old: string,
  later: string | undefined,
  options: LogOptions,
  { terminal }: Context,
): Promise<void> {
  const { checkpoint: head } = await newest(options);
  const reader = new TileReader(logFiles(options.log).read, { latest: () => head.size });
  const [from, to] = [
    await headOf(old, options, head, reader),
    later === undefined ? head : await headOf(later, options, head, reader),
  ];
  if (from.size > to.size) {
    throw new CliError('size-out-of-range', `${from.size} is beyond ${to.size}`, EXIT.usage);
  }
  // Of two checkpoints from files, the newer one must be of this log's tree too.
  if (to !== head) await prove(reader, to, head);
  const hashes = await prove(reader, from, to);
  const result = {
    origin: head.origin,
    from: { size: from.size, root: toBase64(from.root) },
    to: { size: to.size, root: toBase64(to.root) },
    hashes: hashes.map((hash) => toBase64(hash)),
  };
  if (options.json === true) terminal.json(result);
  else {
    terminal.print(`${head.origin} grew from ${from.size} to ${to.size} entries`);
    for (const hash of hashes) terminal.print(`      ${bytesToHex(hash)}`);
  }
}

/** A size whose root the tiles give, or a signed checkpoint. */
async function headOf(
  text: string,
  options: LogOptions,
  newestHead: Head,
  reader: TileReader,
): Promise<Head> {
  if (/^\d+$/.test(text)) {
    const size = Number(text);
    if (!Number.isSafeInteger(size) || size > newestHead.size) {
      const message = `the log has ${newestHead.size} entries`;
      throw new CliError('size-out-of-range', message, EXIT.absent);
    }
    return { size, root: await reader.root(size) };
  }
  const bytes = await readBounded(text, MAX_NOTE_BYTES);
  try {
    return (await openCheckpoint(bytes, await keysOf(options), nodeVerifier)).checkpoint;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new CliError('checkpoint-signature', `${text}: ${why}`, EXIT.refuted, { cause });
  }
}

async function prove(reader: TileReader, from: Head, to: Head): Promise<Uint8Array[]> {
  try {
    const proof = await reader.consistencyProof(from.size, to.size);
    verifyConsistency(
      { size1: from.size, root1: from.root, size2: to.size, root2: to.root, proof },
      nodeHasher,
    );
    return proof;
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const why = cause instanceof Error ? cause.message : '';
    const message = `nothing proves that ${from.size} grew into ${to.size}: ${why}`;
    throw new CliError('consistency-proof', message, EXIT.refuted, { cause });
  }
}
