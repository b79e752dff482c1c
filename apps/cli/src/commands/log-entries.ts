import { writeFile } from 'node:fs/promises';
import { readEntry, type EntryView } from '@touchstone/attest';
import { logRoutes, makeClient } from '@touchstone/contract';
import { decodeUtf8, formatTlogProof, toBase64 } from '@touchstone/note';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { entryEvidence, type ProvenEntry } from '../entry-evidence.js';
import { CliError, EXIT } from '../failure.js';
import { serverOf } from '../log-files.js';
import { bytesToHex } from '../log-reader.js';
import { index, provenLeaf, withKeys, type LogOptions } from '../log-view.js';

interface ExportOptions extends LogOptions {
  format: 'bundle' | 'tlog-proof' | 'evidence' | 'leaf';
  recipe?: string;
  payloadType?: string;
  out?: string;
}

export function registerLogEntries(log: Command, context: Context): void {
  withKeys(log.command('get'), context)
    .argument('<index>', 'index of the entry', index)
    .description('read one entry, proven against the newest checkpoint')
    .addHelpText('after', '\nExample:\n  touchstone log get 4 --trust-root trust-root.json')
    .action((entry: number, options: LogOptions) => get(entry, options, context));
  withKeys(log.command('export'), context)
    .argument('<index>', 'index of the entry', index)
    .addOption(
      new Option(
        '--format <format>',
        'what for: cosign and sigstore, C2SP tools, touchstone verify, or the bare leaf',
      )
        .choices(['bundle', 'tlog-proof', 'evidence', 'leaf'])
        .default('bundle'),
    )
    .option('--recipe <file>', 'of the publication that the statement is about; for evidence')
    .option('--payload-type <type>', "of the entry's envelope, when it is not in-toto's")
    .option('--out <file>', 'write it to this file instead of standard output')
    .description('one entry as a file that others verify offline; checked before it is written')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone log export 4 --trust-root trust-root.json --out entry.sigstore.json' +
        '\n  touchstone log export 4 --format evidence --recipe recipe.json --trust-root trust-root.json',
    )
    .action((entry: number, options: ExportOptions) => exportEntry(entry, options, context));
}

async function get(entry: number, options: LogOptions, { terminal }: Context): Promise<void> {
  const { head, leaf, leafHash } = await provenLeaf(entry, options);
  const body: unknown = parseLeaf(leaf);
  if (options.json === true) {
    terminal.json({ index: entry, size: head.size, leafHash: bytesToHex(leafHash), body });
    return;
  }
  terminal.print(`entry ${entry} of ${head.size} is in ${head.origin}`);
  terminal.print(`leaf    ${bytesToHex(leafHash)}`);
  const view = viewOf(leaf);
  if (!view) {
    terminal.print(JSON.stringify(body, null, 2));
    return;
  }
  terminal.print(`kind    ${view.kind} ${view.version}`);
  const { signed, payloadSha256 } = view;
  if (signed) terminal.print(`signed  ${signed.algorithm}:${bytesToHex(signed.digest)}`);
  if (payloadSha256) terminal.print(`payload sha256:${bytesToHex(payloadSha256)}`);
  for (const { pem, names } of view.signers) {
    if (names.length > 0) terminal.print(`names   ${names.join(', ')}`);
    terminal.print(decodeUtf8(pem).trimEnd());
  }
}

function viewOf(leaf: Uint8Array): EntryView | undefined {
  try {
    return readEntry(leaf);
  } catch {
    // A leaf about the log itself.
    return undefined;
  }
}

function parseLeaf(leaf: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(leaf));
  } catch {
    return bytesToHex(leaf);
  }
}

async function exportEntry(
  entry: number,
  options: ExportOptions,
  { terminal }: Context,
): Promise<void> {
  const { format, out } = options;
  const proven = await provenLeaf(entry, options);
  let document: string | Uint8Array;
  if (format === 'leaf') document = proven.leaf;
  else if (format === 'tlog-proof') {
    const { hashes, note } = proven;
    document = formatTlogProof({ index: entry, hashes, checkpoint: decodeUtf8(note) });
  } else {
    const bundle = await bundleOf(entry, proven.leaf, options);
    document = `${JSON.stringify(
      format === 'bundle' ? bundle : await evidenceOf({ ...proven, index: entry, bundle }, options),
    )}\n`;
  }
  if (out === undefined) {
    const text = typeof document === 'string' ? document : decodeUtf8(document);
    // All but a tlog-proof are JSON as they are.
    if (options.json === true && format === 'tlog-proof') terminal.json({ tlogProof: text });
    else terminal.print(text.trimEnd());
    return;
  }
  await writeFile(out, document);
  if (options.json === true) terminal.json({ index: entry, format, file: out });
  else terminal.note(`wrote ${out}`);
}

interface LoggedEntry {
  readonly logIndex?: unknown;
  readonly canonicalizedBody?: unknown;
}

/** The log makes the bundle; that it is of the entry which the tiles prove is checked here. */
async function bundleOf(
  entry: number,
  leaf: Uint8Array,
  options: ExportOptions,
): Promise<Record<string, unknown>> {
  const { log, payloadType } = options;
  const client = makeClient(logRoutes, { baseUrl: serverOf(log), fetch: fetch as never });
  const bundle = await client.entryBundle({
    params: { index: String(entry) },
    query: { payloadType },
  });
  const { tlogEntries } = (bundle['verificationMaterial'] ?? {}) as { tlogEntries?: LoggedEntry[] };
  const [logged] = tlogEntries ?? [];
  const same = logged?.logIndex === String(entry) && logged.canonicalizedBody === toBase64(leaf);
  if (!same) {
    throw new CliError(
      'entry-body-mismatch',
      'the bundle that the log handed out is of another entry than its tiles prove',
      EXIT.refuted,
    );
  }
  return bundle;
}

function evidenceOf(proven: ProvenEntry, { recipe, trustRoot }: ExportOptions): Promise<object> {
  if (recipe !== undefined && trustRoot !== undefined) {
    return entryEvidence(proven, recipe, trustRoot);
  }
  const message = 'evidence takes --recipe and --trust-root: it is verified before it is written';
  throw new CliError('option-missing', message, EXIT.usage);
}
