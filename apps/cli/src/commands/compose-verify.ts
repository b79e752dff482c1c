import { isCose, resolveTrustRoot, type TrustRoot } from '@touchstone/attest';
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
  readBundles,
  revocationsOf,
  signaturesOf,
  type NodeTrustOptions,
} from '../compose/node-trust.js';
import { askedOf } from '../compose/revocation-search.js';
import { revokerLines } from '../compose/revoker-view.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson, readTrustRoot } from '../input.js';
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
    .option('--log <url>', 'with --revoker-key: ask this log for all revocations, and the newest')
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
  const trustRoot =
    options.trustRoot === undefined ? undefined : await readTrustRoot(options.trustRoot);
  const attestation = await attestationOf(options);
  const evidence = await evidenceOf(options, trustRoot);
  const [signatures, bundles] = [await signaturesOf(options), await bundlesOf(options)];
  const revocations = await revocationsUnder(options, trustRoot);
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

async function evidenceOf(
  { evidence, log, search }: VerifyOptions,
  trustRoot: TrustRoot | undefined,
): Promise<VerifyCompositionOptions['evidence']> {
  const isForLog = (log ?? search) !== undefined;
  if (evidence === undefined && (trustRoot === undefined || isForLog)) return undefined;
  if (evidence === undefined || trustRoot === undefined) {
    throw new CliError('usage', '--evidence and --trust-root belong together', EXIT.usage);
  }
  const files = await Promise.all(evidence.map((path) => readBounded(path)));
  return { files, trustRoot, verify: nodeVerifier, sha256 };
}

/** What a log answered counts under the trust root, whether it was asked now or before. */
async function revocationsUnder(
  options: VerifyOptions,
  trustRoot: TrustRoot | undefined,
): Promise<VerifyCompositionOptions['revocations']> {
  const asked = await askedOf(options.log, await revocationsOf(options), trustRoot);
  if (asked?.search === undefined) return asked as Omit<AskedRevocations, 'search'> | undefined;
  if (trustRoot === undefined) {
    throw new CliError('usage', '--search needs --trust-root: whose log it is', EXIT.usage);
  }
  const { search: evidence, ...rest } = asked;
  return { ...rest, search: { evidence, trust: resolveTrustRoot(trustRoot) } };
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
  for (const { node, verdict, votes, sboms } of proofs ?? []) {
    const said = votes.map(({ organisation, outcome }) => `${organisation}: ${outcome}`).join(', ');
    const parts = sboms.length === 0 ? '' : `, bill of materials by ${sboms.join(', ')}`;
    terminal.print(`${node}: ${verdict}${said === '' ? '' : ` (${said})`}${parts}`);
  }
  terminal.print(ok ? 'the composition is what is claimed' : 'the composition is refused');
}
