import { createHash } from 'node:crypto';
import {
  MAX_SEARCH_EVIDENCE_BYTES,
  parseEvidence,
  parseSearchEvidence,
  verifyEvidence,
  type Evidence,
  type ParsedSearchEvidence,
  type PresentedFile,
  type TrustRoot,
  type VerifiedEvidence,
} from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { readBounded, readTrustRoot, readWitnessPolicy } from '../input.js';
import { completeLine } from '../compose/search-view.js';
import { keepSearch } from '../keep-search.js';
import { sha256 } from '../native-hash.js';
import { variationLines } from '../diff/variation-text.js';
import { verdictText } from '../publication-text.js';
import type { Terminal } from '../terminal.js';
import { writeSummary, type SummaryOptions } from '../verification-summary.js';

interface Options extends SummaryOptions {
  trustRoot: string;
  artifact?: string[];
  witnessPolicy?: string;
  log?: string;
  search?: string;
  json?: boolean;
}

export function registerVerify(program: Command, context: Context): void {
  program
    .command('verify')
    .argument('<evidence>', 'evidence file')
    .description('verify an evidence file offline against a pinned trust root')
    .requiredOption('--trust-root <file>', 'log keys, rebuilders and policy that you trust')
    .option('--artifact <file...>', 'modules or archives that the evidence must speak of')
    .option(
      '--witness-policy <file>',
      'C2SP tlog-policy: witnesses that must have cosigned, besides those of the trust root',
    )
    .option('--log <url>', 'ask this log whether a rebuild was left out, and refuse if one was')
    .addOption(
      new Option(
        '--search <file>',
        'or hold it against what touchstone search --out kept',
      ).conflicts('log'),
    )
    .option('--summary <file>', 'write the verdict as a signed SLSA verification summary')
    .option('--verifier <uri>', 'with --summary: who verified')
    .option('--key <file>', "with --summary: the verifier's private key (touchstone keygen)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 reproduced, 1 refused or any other verdict, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone verify siphash24.evidence.json --trust-root trust-root.json' +
        ' --artifact siphash24.wasm' +
        '\n  touchstone verify siphash24.evidence.json --trust-root trust-root.json --log http://127.0.0.1:7401',
    )
    .action((evidence: string, options: Options) => verify(evidence, options, context));
}

async function verify(file: string, options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const trustRoot = await readTrustRoot(options.trustRoot);
  const evidence = await readBounded(file);
  const artifacts = options.artifact && (await Promise.all(options.artifact.map(describe)));
  const witnessPolicy =
    options.witnessPolicy === undefined
      ? undefined
      : await readWitnessPolicy(options.witnessPolicy);
  const search = await searchOf(options, evidence, trustRoot);
  const result = await verifyEvidence(evidence, {
    ...{ trustRoot, verify: nodeVerifier },
    ...(witnessPolicy && { witnessPolicy }),
    // Without a file at hand, nothing may be said to have been presented.
    ...(artifacts && { artifacts }),
    ...(search && { search }),
  });
  await writeSummary(options, { evidence, trustRoot, verified: result });
  if (result.verdict !== 'reproduced') context.exitCode = EXIT.refuted;
  if (options.json === true) terminal.json(result);
  else printResult(result, terminal);
}

/** What the log answers now, or did before. */
async function searchOf(
  { log, search }: Options,
  evidence: Uint8Array,
  trustRoot: TrustRoot,
): Promise<ParsedSearchEvidence | undefined> {
  if (search !== undefined) {
    return parseSearchEvidence(await readBounded(search, MAX_SEARCH_EVIDENCE_BYTES), sha256);
  }
  if (log === undefined) return undefined;
  const about: Evidence[] = [parseEvidence(evidence)];
  const { bytes } = await keepSearch({ evidence: about, revokers: [] }, log, trustRoot);
  return parseSearchEvidence(bytes, sha256);
}

async function describe(path: string): Promise<PresentedFile> {
  const bytes = await readBounded(path);
  const digest = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex');
  return { size: bytes.length, sha256: digest('sha256'), sha512: digest('sha512') };
}

function printResult(result: VerifiedEvidence, terminal: Terminal): void {
  for (const step of result.steps) {
    terminal.print(
      `${terminal.style('green', 'ok')}  ${step.name}  ${terminal.style('dim', step.spec)}`,
    );
  }
  // Evidence proves something of what it is about, which need not be what was asked for.
  const [[algorithm, digest] = []] = Object.entries(result.artifact.digest);
  terminal.print(`${terminal.style('bold', result.artifact.uri)}  ${algorithm}:${digest}`);
  terminal.print(`recipe sha256:${result.recipeDigest}`);
  for (const module of result.modules) {
    const votes = module.votes.map((vote) => `${vote.organisation}: ${vote.outcome}`).join(', ');
    terminal.print(`${module.name}: ${verdictText(module.verdict, terminal)} (${votes})`);
    if (module.digest !== undefined)
      terminal.print(`  sha256:${module.digest}, ${module.size} bytes`);
  }
  for (const { organisation, variation } of result.entries) {
    if (variation === undefined) continue;
    terminal.print(`${organisation} says of its build's ${variationLines(variation).join('\n')}`);
  }
  const { complete } = result;
  if (complete) terminal.print(completeLine(complete));
  const { origin, size } = result.checkpoint;
  terminal.print(`checkpoint of ${origin} at size ${size}`);
  terminal.print(`verdict: ${verdictText(result.verdict, terminal)}`);
}
