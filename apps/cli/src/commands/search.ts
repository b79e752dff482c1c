import { writeFile } from 'node:fs/promises';
import {
  encodeSearchEvidence,
  isDigest,
  mapKeyOf,
  MAX_SEARCH_EVIDENCE_BYTES,
  parseSearchEvidence,
  resolveTrustRoot,
  SearchEvidenceSource,
  type Asked,
  type SearchTarget,
} from '@touchstone/attest';
import { toBase64 } from '@touchstone/note';
import { nodeSha256 } from '@touchstone/tlog';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { LogSource } from '../monitor/log-source.js';
import {
  recordSearch,
  searchBy,
  searchLog,
  type SearchReport,
  type SearchTerms,
} from '../monitor/search-log.js';

interface Options {
  log: string;
  trustRoot: string;
  maxScan: number;
  since?: number;
  until?: number;
  out?: string;
  verify?: string;
  json?: boolean;
}

type Trusted = ReturnType<typeof resolveTrustRoot>;

/** The same command stands at the top and below `log`. */
export function registerSearch(program: Command, context: Context, name = 'search'): void {
  program
    .command('search')
    .argument(
      '<what...>',
      'sha256:<hex> or another digest, signer:<key id>, name:<subject>, type:<predicate>,' +
        ' organisation:<name>; entries that speak of any of them are found',
    )
    .description('all entries of a log that speak of a digest, with proof that none is left out')
    .requiredOption('--trust-root <file>', 'the keys of logs and rebuilders')
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--max-scan <leaves>', 'leaves after the newest map that are read', leaves, 65_536)
    .option('--since <time>', 'only entries that the log says came at or after it', seconds)
    .option('--until <time>', 'only entries that the log says came before it', seconds)
    .option('--out <file>', 'keep what the log answered, for --verify')
    .addOption(
      new Option(
        '--verify <file>',
        'search a file of --out instead of a log, without a network',
      ).conflicts(['log', 'out', 'since', 'until']),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every check held and nothing is missing, also when no entry was found; 1 the' +
        '\nlog was caught; 3 the log was not reached, or entries remain that could not be read.' +
        `\n\nExample:\n  touchstone ${name} sha256:9f86d0...0a08 --trust-root trust-root.json` +
        `\n  touchstone ${name} organisation:Acme --since 2026-01-01 --trust-root trust-root.json` +
        `\n  touchstone ${name} sha256:9f86d0...0a08 --trust-root trust-root.json --verify search.json`,
    )
    .action((what: string[], options: Options) => search(what, options, context));
}

function leaves(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

/** Seconds of the Unix epoch, rounded up as times of the log are whole seconds. */
function seconds(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (!(time >= 0)) throw new InvalidArgumentError('must be a date, or a time with its zone');
  return Math.ceil(time / 1000);
}

/** What can be searched for and watched, with its key in the index. */
export function readTarget(text: string): SearchTarget {
  const colon = text.indexOf(':');
  const [kind, value] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  const hex = value.toLowerCase();
  if (kind === 'name' && value !== '') return targetOf({ name: value });
  if (kind === 'type' && value !== '') return targetOf({ predicateType: value });
  if (kind.toLowerCase() === 'signer') {
    if (/^[0-9a-f]{64}$/.test(hex)) return targetOf({ signer: hex });
  } else if (isDigest(kind, hex)) {
    return targetOf({ digest: `${kind}:${hex}` });
  }
  throw new CliError(
    'digest-malformed',
    `${text} is none of algorithm:hex, signer:<64 hex digits>, name:<subject>, type:<predicate>`,
    EXIT.usage,
  );
}

function targetOf(query: Asked): SearchTarget {
  return { query, key: mapKeyOf(query) };
}

/** An organisation is searched for by every key that it ever had in the trust root. */
function readTargets(text: string, { keys }: Trusted): SearchTarget[] {
  const [, name] = /^organisation:(.+)$/.exec(text) ?? [];
  if (name === undefined) return [readTarget(text)];
  const targets = keys
    .filter(({ organisation }) => organisation === name)
    .map(({ keyId }) => targetOf({ signer: keyId }));
  if (targets.length > 0) return targets;
  throw new CliError('organisation-unknown', `the trust root has no ${name}`, EXIT.usage);
}

async function search(what: string[], options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const trusted = resolveTrustRoot(await readTrustRoot(options.trustRoot));
  const [first, ...others] = what.flatMap((each) => readTargets(each, trusted));
  if (!first) throw new CliError('usage', 'name what is searched for', EXIT.usage);
  const report = await answer(options, {
    targets: [first, ...others],
    logs: trusted.logs,
    witnessPolicy: trusted.witnessPolicy,
    signers: trusted.keys.map(({ keyId }) => keyId),
    maxScan: options.maxScan,
  });
  const names = new Map(trusted.keys.map(({ keyId, organisation }) => [keyId, organisation]));
  if (report.unread.length > 0) context.exitCode = EXIT.absent;
  if (options.json === true) terminal.json(toJson(what, report, names));
  else print(report, names, context);
}

/** From the log, or from what was kept of it: searched alike. */
async function answer(
  { log, since, until, out, verify }: Options,
  terms: SearchTerms,
): Promise<SearchReport> {
  if (verify !== undefined) {
    const bytes = await readBounded(verify, MAX_SEARCH_EVIDENCE_BYTES);
    return searchBy(
      new SearchEvidenceSource(parseSearchEvidence(bytes, nodeSha256), nodeSha256),
      terms,
    );
  }
  const source = new LogSource(log);
  const time = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const timed = (since ?? until) !== undefined && { time };
  if (out === undefined) return searchLog({ ...terms, source, ...timed });
  if (timed) {
    throw new CliError(
      'usage',
      '--out keeps what is proved; --since is the log’s word',
      EXIT.usage,
    );
  }
  const { report, evidence } = await recordSearch(source, terms);
  await writeFile(out, encodeSearchEvidence(evidence));
  return report;
}

function toJson(
  what: readonly string[],
  report: SearchReport,
  names: ReadonlyMap<string, string>,
): object {
  const { search: proof, entries, scanned, span, unread } = report;
  const { checkpoint, commitment, commitmentIndex } = proof;
  return {
    searched: what.length === 1 ? what[0] : what,
    origin: checkpoint.origin,
    complete: unread.length === 0,
    checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root) },
    map: {
      treeSize: commitment.treeSize,
      root: commitment.mapRoot,
      commitment: commitmentIndex,
    },
    scanned,
    ...(span && { span }),
    entries: entries.map(({ signers, ...entry }) => ({
      ...entry,
      signers: signers.map((id) => ({ keyId: id, organisation: names.get(id) ?? null })),
    })),
    unread,
  };
}

function print(
  { search: proof, entries, scanned, span, unread }: SearchReport,
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
  if (span) {
    terminal.print(`time      leaves ${span.from} up to ${span.to}, by the word of the log`);
  }
  if (unread.length === 0) return;
  const few = unread.slice(0, 16).join(', ') + (unread.length > 16 ? ', …' : '');
  terminal.print(
    `${terminal.style('yellow', 'unread')}    ${unread.length} entries may speak of it too, ` +
      `their attestations are not to be had: ${few}`,
  );
}
