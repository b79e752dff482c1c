import { digestKey, isDigest, resolveTrustRoot, signerKey } from '@touchstone/attest';
import type { SearchQuery } from '@touchstone/contract';
import { toBase64 } from '@touchstone/note';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot } from '../input.js';
import { LogSource } from '../monitor/log-source.js';
import { searchLog, type SearchReport } from '../monitor/search-log.js';

interface Options {
  log: string;
  trustRoot: string;
  maxScan: number;
  json?: boolean;
}

/** The same command stands at the top and below `log`. */
export function registerSearch(program: Command, context: Context, name = 'search'): void {
  program
    .command('search')
    .argument('<what>', 'sha256:<hex> or another digest, or signer:<key id>')
    .description('all entries of a log that speak of a digest, with proof that none is left out')
    .requiredOption('--trust-root <file>', 'the keys of logs and rebuilders')
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--max-scan <leaves>', 'leaves after the newest map that are read', leaves, 65_536)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every check held and nothing is missing, also when no entry was found; 1 the' +
        '\nlog was caught; 3 the log was not reached, or entries remain that could not be read.' +
        `\n\nExample:\n  touchstone ${name} sha256:9f86d0...0a08 --trust-root trust-root.json`,
    )
    .action((what: string, options: Options) => search(what, options, context));
}

function leaves(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

/** What can be searched for and watched, with its key in the index. */
export function readTarget(text: string): { query: SearchQuery; key: Uint8Array } {
  const [kind = '', hex = '', ...rest] = text.toLowerCase().split(':');
  if (rest.length === 0 && kind === 'signer' && /^[0-9a-f]{64}$/.test(hex)) {
    return { query: { signer: hex }, key: signerKey(hex) };
  }
  const [algorithm = '', ...named] = text.split(':');
  const digest = named.join(':').toLowerCase();
  if (algorithm !== 'signer' && isDigest(algorithm, digest)) {
    return { query: { digest: `${algorithm}:${digest}` }, key: digestKey(algorithm, digest) };
  }
  throw new CliError(
    'digest-malformed',
    `${text} is neither algorithm:hex nor signer:<64 hex digits>`,
    EXIT.usage,
  );
}

async function search(what: string, options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const { query, key } = readTarget(what);
  const trusted = resolveTrustRoot(await readTrustRoot(options.trustRoot));
  const report = await searchLog({
    source: new LogSource(options.log),
    key,
    query,
    logs: trusted.logs,
    signers: trusted.keys.map(({ keyId }) => keyId),
    maxScan: options.maxScan,
  });
  const names = new Map(trusted.keys.map(({ keyId, organisation }) => [keyId, organisation]));
  if (report.unread.length > 0) context.exitCode = EXIT.absent;
  if (options.json === true) terminal.json(toJson(what, report, names));
  else print(report, names, context);
}

function toJson(what: string, report: SearchReport, names: ReadonlyMap<string, string>): object {
  const { search: proof, entries, scanned, unread } = report;
  const { checkpoint, commitment, commitmentIndex } = proof;
  return {
    searched: what,
    origin: checkpoint.origin,
    complete: unread.length === 0,
    checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root) },
    map: {
      treeSize: commitment.treeSize,
      root: commitment.mapRoot,
      commitment: commitmentIndex,
    },
    scanned,
    entries: entries.map(({ signers, ...entry }) => ({
      ...entry,
      signers: signers.map((id) => ({ keyId: id, organisation: names.get(id) ?? null })),
    })),
    unread,
  };
}

function print(
  { search: proof, entries, scanned, unread }: SearchReport,
  names: ReadonlyMap<string, string>,
  { terminal }: Context,
): void {
  const { checkpoint, commitment, commitmentIndex } = proof;
  for (const { index, by, confirmed, kind, signers } of entries) {
    const who = signers.map((id) => names.get(id) ?? `key ${id.slice(0, 16)}`).join(', ');
    const doubt = confirmed ? '' : terminal.style('yellow', '  (attestation not to be had)');
    terminal.print(`entry ${index}  ${kind}  ${who}  by ${by}${doubt}`);
  }
  const found = `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`;
  terminal.print(`${terminal.style('green', 'proved')}    ${found} in ${checkpoint.origin}`);
  terminal.print(
    `complete  up to ${commitment.treeSize} by the map that leaf ${commitmentIndex} commits to,` +
      ` and ${scanned} later leaves read here: all ${checkpoint.size}`,
  );
  if (unread.length === 0) return;
  const few = unread.slice(0, 16).join(', ') + (unread.length > 16 ? ', …' : '');
  terminal.print(
    `${terminal.style('yellow', 'unread')}    ${unread.length} entries may speak of it too, ` +
      `their attestations are not to be had: ${few}`,
  );
}
