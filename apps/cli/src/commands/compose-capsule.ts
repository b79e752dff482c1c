import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseEvidence, type Evidence, type TrustRoot } from '@touchstone/attest';
import {
  CAPSULE_SCHEMA,
  encodeCapsule,
  MAX_CAPSULE_BYTES,
  verifyCapsule,
  type Capsule,
  type CapsuleReport,
  type VerifyCapsuleOptions,
} from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import { decodeUtf8, toBase64, type PublicKey } from '@touchstone/note';
import { TileReader } from '@touchstone/tlog';
import type { Command } from 'commander';
import { bundleLines } from '../compose/bundle-view.js';
import { capsuleTree } from '../compose/capsule-view.js';
import { graphSvg } from '../compose/graph-svg.js';
import { readNodeFiles } from '../compose/node-files.js';
import {
  addNodeTrustOptions,
  attestationJudgeOf,
  bundleTrustOf,
  revocationsOf,
  signaturesOf,
  type NodeTrustOptions,
} from '../compose/node-trust.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { logFiles } from '../log-files.js';
import { bytesToHex } from '../log-reader.js';
import { index, newest } from '../log-view.js';
import { sha256 } from '../native-hash.js';
import { readCertificates } from '../pki/certificate-files.js';
import { readPublicKey } from '../public-key-file.js';
import { signatureLines, signatureView } from '../signature-view.js';

interface PackOptions {
  out: string;
  evidence: string[];
  trustRoot: string;
  log?: string;
  attestation?: string;
  attestationIndex?: number;
  publicKey?: string[];
  certificate?: string;
  bundle?: string[];
  revocation?: string[];
  sbom?: string[];
  json?: boolean;
}

interface VerifyOptions extends NodeTrustOptions {
  trustRoot?: string;
  trustRootSha256?: string;
  publicKey?: string[];
  svg?: string;
  extract?: string;
  json?: boolean;
}

export function registerCapsule(compose: Command, context: Context): void {
  const capsule = compose
    .command('capsule')
    .description('one file with a composed binary and all that proves what is in it');
  capsule
    .command('pack')
    .argument('<file>', 'a module or component')
    .description('put a file, its evidence, attestation and bills of materials into one file')
    .requiredOption('-o, --out <file>', 'write the capsule here')
    .requiredOption('--evidence <file...>', 'evidence files: every core module must be reproduced')
    .requiredOption('--trust-root <file>', 'the trust root to judge by; it travels along')
    .option('--log <url|folder>', 'prove all evidence anew against its newest checkpoint')
    .option('--attestation <file>', 'envelope of touchstone compose attest, DSSE or COSE')
    .option('--attestation-index <n>', 'with --log: the entry that it is logged as', index)
    .option('--public-key <file...>', 'with --attestation: key (PEM) of the integrator')
    .option('--certificate <file>', 'with --attestation: chain (PEM) of who signed it')
    .option('--revocation <file...>', 'revocation lists; they travel along unchecked')
    .option('--bundle <file...>', 'Sigstore bundles about nodes; they travel along unchecked')
    .option(
      '--sbom <node=file...>',
      'a CycloneDX document for a node, such as /component[0]=a.json',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nEvidence files that lead to different checkpoints need --log. What does not verify is not packed.' +
        '\n\nExample:\n  touchstone compose capsule pack app.wasm --evidence a.evidence.json b.evidence.json' +
        ' \\\n    --trust-root trust-root.json --log http://127.0.0.1:7401 -o app.capsule',
    )
    .action((file: string, options: PackOptions) => pack(file, options, context));
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

async function pack(file: string, options: PackOptions, { terminal }: Context): Promise<void> {
  const trustRoot = await readBounded(options.trustRoot);
  const trust = await readTrustRoot(options.trustRoot);
  const evidence = (await Promise.all(options.evidence.map((path) => readBounded(path)))).map(
    parseEvidence,
  );
  const { files, attestation } = await prove(evidence, options);
  const capsule: Capsule = {
    schema: CAPSULE_SCHEMA,
    file: { name: basename(file), content: await readBounded(file) },
    evidence: files,
    ...(attestation && { attestation: { ...attestation, ...(await certificatesOf(options)) } }),
    ...(options.bundle && { bundles: await filesIn(options.bundle) }),
    ...(options.revocation && { revocations: await filesIn(options.revocation) }),
    sboms: await readNodeFiles(options.sbom ?? []),
    trustRoot,
  };
  const content = encodeCapsule(capsule);
  const report = await judge(content, { trust, publicKeys: await keysOf(options) });
  const [first] = report.findings;
  if (first !== undefined) {
    throw new CliError(first.code, `${file}: ${first.message}`, EXIT.refuted);
  }
  await writeFile(options.out, content);
  const summary = { size: content.length, sha256: bytesToHex(sha256(content)), ...placeOf(report) };
  if (options.json === true) terminal.json({ file: options.out, ...summary });
  else {
    for (const line of capsuleTree(report)) terminal.print(line);
    terminal.print(`${options.out}: ${content.length} bytes, sha256:${summary.sha256}`);
  }
}

/** Evidence and attestation against one checkpoint: the newest of a log, or the one they share. */
async function prove(
  evidence: readonly Evidence[],
  options: PackOptions,
): Promise<{ files: Uint8Array[]; attestation?: NonNullable<Capsule['attestation']> }> {
  const { log, attestation: path, attestationIndex: at } = options;
  const envelope = path === undefined ? undefined : await readBounded(path);
  if (log === undefined) {
    if (at !== undefined) {
      throw new CliError('usage', '--attestation-index needs --log', EXIT.usage);
    }
    return { files: encodeAll(evidence), ...(envelope && { attestation: { envelope } }) };
  }
  const { checkpoint: head, bytes } = await newest({ log, trustRoot: options.trustRoot });
  const reader = new TileReader(logFiles(log).read);
  const proofOf = (entry: number): Promise<Uint8Array[]> => {
    if (entry < head.size) return reader.inclusionProof(entry, head.size);
    throw new CliError('index-out-of-range', `the log has ${head.size} entries`, EXIT.absent);
  };
  const checkpoint = decodeUtf8(bytes);
  const proven: Evidence[] = [];
  for (const each of evidence) {
    const entries: Evidence['entries'] = [];
    for (const entry of each.entries) {
      entries.push({ ...entry, inclusionProof: (await proofOf(entry.logIndex)).map(toBase64) });
    }
    proven.push({ ...each, checkpoint, entries });
  }
  const files = encodeAll(proven);
  if (envelope === undefined) return { files };
  if (at === undefined) return { files, attestation: { envelope } };
  const proof = await proofOf(at);
  const leaf = await reader.entry(at, head.size);
  return { files, attestation: { envelope, leaf, index: at, proof } };
}

function encodeAll(evidence: readonly Evidence[]): Uint8Array[] {
  return byDigest(evidence.map((each) => new Uint8Array(Buffer.from(JSON.stringify(each)))));
}

async function certificatesOf({
  certificate,
}: PackOptions): Promise<{ certificates?: Uint8Array[] }> {
  return certificate === undefined ? {} : { certificates: await readCertificates(certificate) };
}

async function filesIn(paths: readonly string[]): Promise<Uint8Array[]> {
  return byDigest(await Promise.all(paths.map((path) => readBounded(path))));
}

/** So that it does not matter in which order they were given. */
function byDigest(files: readonly Uint8Array[]): Uint8Array[] {
  return files
    .map((content) => ({ content, digest: bytesToHex(sha256(content)) }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    .map(({ content }) => content);
}

async function keysOf({ publicKey = [] }: { publicKey?: string[] }): Promise<PublicKey[]> {
  return Promise.all(publicKey.map(readPublicKey));
}

async function judge(
  content: Uint8Array,
  whom: Omit<VerifyCapsuleOptions, 'verify' | 'sha256'>,
): Promise<CapsuleReport> {
  return verifyCapsule(content, { ...whom, verify: nodeVerifier, sha256 });
}

async function verify(file: string, options: VerifyOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const content = await readBounded(file, MAX_CAPSULE_BYTES);
  const [signatures, bundles] = [await signaturesOf(options), await bundleTrustOf(options)];
  const [attestationJudge, revocations] = [
    await attestationJudgeOf(options),
    await revocationsOf(options),
  ];
  const report = await judge(content, {
    trust: await trustOf(options),
    publicKeys: await keysOf(options),
    ...(signatures && { signatures }),
    ...(bundles && { bundles }),
    ...(attestationJudge && { attestationJudge }),
    ...(revocations && { revocations }),
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
  for (const { step, code, node, message } of findings) {
    terminal.print(`${terminal.style('red', 'no')}  ${step}  ${code}  ${node}: ${message}`);
  }
  terminal.print(closing(report));
}

function toJson(report: CapsuleReport): object {
  const { ok, steps, findings, warnings, graph, proofs, bundles, signatures, capsule } = report;
  const { name, content } = capsule.file;
  const nodes = graph?.nodes.map((node) => ({
    ...node,
    ...proofs?.find((proof) => proof.node === node.path),
  }));
  const signed = signatures && { signatures: signatures.map(signatureView) };
  const about = { file: { name, sha256: bytesToHex(sha256(content)) }, ...placeOf(report) };
  return { ok, ...about, steps, findings, warnings, nodes, ...signed, ...(bundles && { bundles }) };
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

function placeOf({
  checkpoint,
  attestation,
  keyless,
}: CapsuleReport): Pick<CapsuleReport, 'checkpoint' | 'attestation' | 'keyless'> {
  return { checkpoint, attestation, keyless };
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

function closing({ ok, checkpoint, attestation, keyless }: CapsuleReport): string {
  const { origin, size } = checkpoint;
  const told = `${ATTESTATION[attestation]}${KEYLESS[keyless]}; everything against one checkpoint of ${origin}, ${size} entries`;
  return ok ? `every core module was reproduced; ${told}` : 'the capsule is refused';
}
