import { writeFile } from 'node:fs/promises';
import type { TrustRoot } from '@touchstone/attest';
import { MAX_CAPSULE_BYTES, type CapsuleReport } from '@touchstone/compose';
import type { Command } from 'commander';
import { bundleLines } from '../compose/bundle-view.js';
import { capsuleTree } from '../compose/capsule-view.js';
import { graphSvg } from '../compose/graph-svg.js';
import { judgeCapsule, placeOf } from '../compose/judge-capsule.js';
import {
  addNodeTrustOptions,
  attestationJudgeOf,
  bundleTrustOf,
  keptSearchOf,
  revocationsOf,
  signaturesOf,
  type NodeTrustOptions,
} from '../compose/node-trust.js';
import { completeLine, revokerLines } from '../compose/search-view.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { bytesToHex } from '../log-reader.js';
import { sha256 } from '../native-hash.js';
import { readPublicKey } from '../public-key-file.js';
import { signatureLines, signatureView } from '../signature-view.js';

interface VerifyOptions extends NodeTrustOptions {
  trustRoot?: string;
  trustRootSha256?: string;
  publicKey?: string[];
  svg?: string;
  extract?: string;
  json?: boolean;
}

export function registerCapsuleVerify(capsule: Command, context: Context): void {
  const verifying = capsule
    .command('verify')
    .argument('<capsule>', 'a file of touchstone compose capsule pack')
    .description('verify a capsule without a network, and show who rebuilt what is in it')
    .option('--trust-root <file>', 'whom you trust')
    .option('--trust-root-sha256 <hex>', 'or the SHA-256 of the trust root in the capsule')
    .option('--public-key <file...>', 'keys (PEM) of integrators you trust')
    .option('--svg <file>', 'draw the graph with its verdicts')
    .option('--extract <file>', 'write the binary here when it verified')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every core module reproduced and all else true, 1 something is false, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone compose capsule verify app.capsule --trust-root trust-root.json --svg app.svg',
    )
    .action((file: string, options: VerifyOptions) => verify(file, options, context));
  addNodeTrustOptions(verifying);
}

async function verify(file: string, options: VerifyOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const content = await readBounded(file, MAX_CAPSULE_BYTES);
  const [signatures, bundles] = [await signaturesOf(options), await bundleTrustOf(options)];
  const [attestationJudge, revocations] = [
    await attestationJudgeOf(options),
    await revocationsOf(options),
  ];
  const search = await keptSearchOf(options);
  const report = await judgeCapsule(content, {
    trust: await trustOf(options),
    publicKeys: await Promise.all((options.publicKey ?? []).map(readPublicKey)),
    ...(signatures && { signatures }),
    ...(bundles && { bundles }),
    ...(attestationJudge && { attestationJudge }),
    ...(revocations && { revocations }),
    ...(search && { search }),
    mustBeComplete: options.complete ?? false,
  });
  const { ok, findings, graph, proofs, capsule } = report;
  if (!ok) context.exitCode = EXIT.refuted;
  if (options.svg !== undefined && graph !== undefined) {
    await writeFile(options.svg, graphSvg(graph, proofs));
  }
  if (options.extract !== undefined && ok) await writeFile(options.extract, capsule.file.content);
  if (options.json === true) {
    terminal.json(toJson(report));
    return;
  }
  for (const line of capsuleTree(report)) terminal.print(line);
  for (const line of signatureLines(report.signatures ?? [], [])) terminal.print(line);
  for (const line of bundleLines(report.bundles ?? [])) terminal.print(line);
  for (const line of revokerLines(report.revokers ?? [])) terminal.print(line);
  if (report.complete) terminal.print(completeLine(report.complete));
  for (const { step, code, node, message } of findings) {
    terminal.print(`${terminal.style('red', 'no')}  ${step}  ${code}  ${node}: ${message}`);
  }
  terminal.print(closing(report));
}

function toJson(report: CapsuleReport): object {
  const { ok, steps, findings, warnings, graph, proofs, bundles, signatures, capsule } = report;
  const { complete, revokers } = report;
  const { name, content } = capsule.file;
  const nodes = graph?.nodes.map((node) => ({
    ...node,
    ...proofs?.find((proof) => proof.node === node.path),
  }));
  const signed = signatures && { signatures: signatures.map(signatureView) };
  const about = { file: { name, sha256: bytesToHex(sha256(content)) }, ...placeOf(report) };
  return {
    ok,
    ...about,
    steps,
    findings,
    warnings,
    nodes,
    ...signed,
    ...(bundles && { bundles }),
    ...(revokers && { revokers }),
    ...(complete && { complete }),
  };
}

async function trustOf({
  trustRoot,
  trustRootSha256,
}: VerifyOptions): Promise<TrustRoot | { readonly sha256: string }> {
  if ((trustRoot === undefined) === (trustRootSha256 === undefined)) {
    const message = 'give --trust-root or --trust-root-sha256: a capsule cannot say whom you trust';
    throw new CliError('usage', message, EXIT.usage);
  }
  if (trustRoot !== undefined) return readTrustRoot(trustRoot);
  return { sha256: (trustRootSha256 ?? '').toLowerCase() };
}

const ATTESTATION: Readonly<Record<CapsuleReport['attestation'], string>> = {
  none: 'no attestation of the integrator',
  unchecked:
    "the integrator's attestation was not checked: give --public-key or --attestation-root",
  checked: 'attested by the integrator, not logged',
  logged: 'attested by the integrator, and logged',
};

const KEYLESS: Readonly<Record<CapsuleReport['keyless'], string>> = {
  none: '',
  unchecked: '; its Sigstore bundles were not checked: give --sigstore-root and --identity',
  checked: '; signed node by node by identities that count',
};

const REVOKED: Readonly<Record<CapsuleReport['revoked'], string>> = {
  none: '',
  unchecked: '; what it has of revocations was not checked: give --revoker-key',
  checked: '; taken back by no list that was handed over',
  searched: '; taken back by no list in the log',
};

function closing({ ok, checkpoint, attestation, keyless, revoked }: CapsuleReport): string {
  const { origin, size } = checkpoint;
  const told = `${ATTESTATION[attestation]}${KEYLESS[keyless]}${REVOKED[revoked]}; everything against one checkpoint of ${origin}, ${size} entries`;
  return ok ? `every core module was reproduced; ${told}` : 'the capsule is refused';
}
