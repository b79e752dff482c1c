import {
  isAskedFor,
  isCose,
  parseEvidence,
  parseSearchEvidence,
  publicationTargets,
  resolveTrustRoot,
  type Evidence,
  type ParsedSearchEvidence,
  type TrustRoot,
} from '@touchstone/attest';
import {
  verifyComposition,
  type AskedRevocations,
  type CompositionReport,
  type VerifyCompositionOptions,
} from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import type { Command } from 'commander';
import { bundleLines } from '../compose/bundle-view.js';
import { oneLine } from '../compose/graph-view.js';
import {
  addNodeTrustOptions,
  attestationJudgeOf,
  bundleTrustOf,
  keptSearchOf,
  readBundles,
  revocationsOf,
  signaturesOf,
  type NodeTrustOptions,
} from '../compose/node-trust.js';
import { completeLine, revokerLines } from '../compose/search-view.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson, readTrustRoot } from '../input.js';
import { keepSearch } from '../keep-search.js';
import { readCertificates } from '../pki/certificate-files.js';
import { readPublicKey } from '../public-key-file.js';
import { sha256 } from '../native-hash.js';
import { signatureLines, signatureView } from '../signature-view.js';
import type { Terminal } from '../terminal.js';

interface VerifyOptions extends NodeTrustOptions {
  json?: boolean;
  attestation?: string;
  publicKey?: string[];
  certificate?: string;
  bundle?: string[];
  evidence?: string[];
  trustRoot?: string;
  log?: string;
}

export function registerComposeVerify(compose: Command, context: Context): void {
  const verifying = compose
    .command('verify')
    .argument('<file>', 'a module or component')
    .description('derive the graph and hold it against manifest, signatures and evidence')
    .option('--attestation <file>', 'envelope of touchstone compose attest, DSSE or COSE')
    .option('--public-key <file...>', 'with --attestation: keys (PEM) of integrators you trust')
    .option('--certificate <file>', 'with --attestation-root: chain (PEM) of who attested')
    .option('--bundle <file...>', 'Sigstore bundles: every core module must be signed by one')
    .option('--evidence <file...>', 'evidence files: every core module must be reproduced')
    .option('--trust-root <file>', 'log keys, witnesses, rebuilders and policy you trust')
    .option('--log <url>', 'ask this log for all revocations by --revoker-key, and all rebuilds')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all held, 1 something is false, 2 usage, 3 not found.' +
        '\n\nExamples:\n  touchstone compose verify app.wasm' +
        '\n  touchstone compose verify app.wasm --attestation app.dsse.json --public-key integrator.pem' +
        ' \\\n    --evidence a.evidence.json b.evidence.json --trust-root trust-root.json' +
        '\n  touchstone compose verify app.wasm --root root/ca.pem --crl root/crl.pem --at 2026-11-29T08:00:00Z' +
        '\n  touchstone compose verify app.wasm --bundle auth.sigstore.json app.sigstore.json' +
        ' \\\n    --sigstore-root trusted_root.json --identity https://token.example.com=ci@example.com' +
        '\n  touchstone compose verify app.wasm --revoker-key owner.pem --log http://127.0.0.1:7401' +
        ' \\\n    --trust-root trust-root.json',
    )
    .action((file: string, options: VerifyOptions) => verify(file, options, context));
  addNodeTrustOptions(verifying);
}

async function verify(file: string, options: VerifyOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const bytes = await readBounded(file);
  checkUsage(options);
  const trustRoot =
    options.trustRoot === undefined ? undefined : await readTrustRoot(options.trustRoot);
  const attestation = await attestationOf(options);
  const about = await Promise.all((options.evidence ?? []).map((path) => readBounded(path)));
  const asked = await revocationsOf(options);
  const search = await searchOf(options, { about: about.map(parseEvidence), asked }, trustRoot);
  const evidence = evidenceOf(options, about, { trustRoot, search });
  const [signatures, bundles] = [await signaturesOf(options), await bundlesOf(options)];
  const revocations = asked && {
    ...asked,
    ...(search &&
      trustRoot && { search: { evidence: search, trust: resolveTrustRoot(trustRoot) } }),
  };
  const report = await verifyComposition(bytes, {
    sha256,
    ...(attestation && { attestation }),
    ...(signatures && { signatures }),
    ...(bundles && { bundles }),
    ...(revocations && { revocations }),
    ...(evidence && { evidence }),
  });
  if (!report.ok) context.exitCode = EXIT.refuted;
  if (options.json === true) {
    const { graph: derived, signatures: inPlace, ...rest } = report;
    const signed = inPlace && { signatures: inPlace.map(signatureView) };
    terminal.json({ file, ...rest, ...signed, ...(derived && { nodes: derived.nodes }) });
  } else printReport(report, terminal);
}

async function attestationOf(
  options: VerifyOptions,
): Promise<VerifyCompositionOptions['attestation']> {
  const { attestation, publicKey = [], certificate: chain } = options;
  const judge = await attestationJudgeOf(options);
  if ((chain === undefined) !== (judge === undefined)) {
    throw new CliError('usage', '--certificate and --attestation-root belong together', EXIT.usage);
  }
  const isTrusted = publicKey.length > 0 || judge !== undefined;
  if (attestation === undefined && !isTrusted) return undefined;
  if (attestation === undefined || !isTrusted) {
    const message = '--attestation goes with --public-key, or with --certificate';
    throw new CliError('usage', message, EXIT.usage);
  }
  const publicKeys = await Promise.all(publicKey.map(readPublicKey));
  const bytes = await readBounded(attestation);
  const envelope = isCose(bytes) ? new Uint8Array(bytes) : await readJson(attestation);
  const certificate =
    chain === undefined || judge === undefined
      ? undefined
      : { chain: await readCertificates(chain), judge };
  return { envelope, publicKeys, verify: nodeVerifier, ...(certificate && { certificate }) };
}

async function bundlesOf(options: VerifyOptions): Promise<VerifyCompositionOptions['bundles']> {
  const { bundle } = options;
  const trust = await bundleTrustOf(options);
  if (bundle === undefined && trust === undefined) return undefined;
  if (bundle === undefined || trust === undefined) {
    const message = '--bundle, --sigstore-root and --identity belong together';
    throw new CliError('usage', message, EXIT.usage);
  }
  return { ...trust, files: await readBundles(bundle) };
}

interface Searched {
  readonly trustRoot: TrustRoot | undefined;
  readonly search: ParsedSearchEvidence | undefined;
}

/** What a log answers now, or did before, counts under the trust root alone. */
async function searchOf(
  options: VerifyOptions,
  { about, asked }: { about: readonly Evidence[]; asked: AskedRevocations | undefined },
  trustRoot: TrustRoot | undefined,
): Promise<ParsedSearchEvidence | undefined> {
  const { log } = options;
  if (log === undefined || trustRoot === undefined) return keptSearchOf(options);
  const wanted = { evidence: about, revokers: asked?.revokers ?? [] };
  return parseSearchEvidence((await keepSearch(wanted, log, trustRoot)).bytes, sha256);
}

/** What goes with what, before anything is read. */
function checkUsage(options: VerifyOptions): void {
  const { log, search, trustRoot, revokerKey, evidence, complete = false } = options;
  const refuse = (message: string): never => {
    throw new CliError('usage', message, EXIT.usage);
  };
  const isForLog = log !== undefined || search !== undefined;
  const isWanted = revokerKey !== undefined || evidence !== undefined;
  if (isForLog && (trustRoot === undefined || !isWanted)) {
    refuse('--log or --search goes with --trust-root, and with --revoker-key or --evidence');
  }
  if (log !== undefined && search !== undefined) refuse('give --log or --search, not both');
  const isForEvidence = complete || (trustRoot !== undefined && !isForLog);
  if ((evidence === undefined && isForEvidence) || (evidence && trustRoot === undefined)) {
    refuse('--evidence and --trust-root belong together');
  }
}

function evidenceOf(
  { evidence, complete: mustBeSearched = false }: VerifyOptions,
  files: readonly Uint8Array[],
  { trustRoot, search }: Searched,
): VerifyCompositionOptions['evidence'] {
  if (evidence === undefined || trustRoot === undefined) return undefined;
  // A log that was asked for revocations alone says nothing of rebuilds.
  const isAsked = search && isAskedFor(search, publicationTargets(files.map(parseEvidence)));
  return {
    ...{ files, trustRoot, verify: nodeVerifier, sha256, mustBeSearched },
    ...(isAsked && { search }),
  };
}

function printReport(report: CompositionReport, terminal: Terminal): void {
  const { ok, steps, findings, warnings, signers, signatures, bundles, proofs } = report;
  for (const step of steps) {
    const word = step.ok ? terminal.style('green', 'ok') : terminal.style('red', 'no');
    terminal.print(`${word}  ${step.name}  ${terminal.style('dim', step.spec)}`);
    for (const finding of [...findings, ...warnings]) {
      if (finding.step !== step.name) continue;
      const place = finding.offset === undefined ? '' : ` at byte ${finding.offset}`;
      terminal.print(
        `    ${finding.code}  ${oneLine(finding.node)}${place}: ${oneLine(finding.message)}`,
      );
    }
  }
  for (const signer of signers ?? []) terminal.print(`attested by ${signer}`);
  for (const line of signatureLines(signatures ?? [], [])) terminal.print(line);
  for (const line of bundleLines(bundles ?? [])) terminal.print(line);
  for (const line of revokerLines(report.revokers ?? [])) terminal.print(line);
  if (report.complete) terminal.print(completeLine(report.complete));
  for (const { node, verdict, votes, sboms } of proofs ?? []) {
    const said = votes.map(({ organisation, outcome }) => `${organisation}: ${outcome}`).join(', ');
    const parts = sboms.length === 0 ? '' : `, bill of materials by ${sboms.join(', ')}`;
    terminal.print(`${node}: ${verdict}${said === '' ? '' : ` (${said})`}${parts}`);
  }
  terminal.print(ok ? 'the composition is what is claimed' : 'the composition is refused');
}
