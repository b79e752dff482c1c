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
import { decodeUtf8, toBase64 } from '@touchstone/note';
import { TileReader } from '@touchstone/tlog';
import type { Command } from 'commander';
import { capsuleTree } from '../compose/capsule-view.js';
import { graphSvg } from '../compose/graph-svg.js';
import { readNodeFiles } from '../compose/node-files.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { logFiles } from '../log-files.js';
import { bytesToHex } from '../log-reader.js';
import { index, newest } from '../log-view.js';
import { sha256 } from '../native-hash.js';
import { readPublicKey } from '../public-key-file.js';

interface PackOptions {
  out: string;
  evidence: string[];
  trustRoot: string;
  log?: string;
  attestation?: string;
  attestationIndex?: number;
  publicKey?: string[];
  sbom?: string[];
  json?: boolean;
}

interface VerifyOptions {
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
    .option('--attestation <file>', 'DSSE envelope of touchstone compose attest')
    .option('--attestation-index <n>', 'with --log: the entry that it is logged as', index)
    .option('--public-key <file...>', 'with --attestation: key (PEM) of the integrator')
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
  capsule
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
    ...(attestation && { attestation }),
    sboms: await readNodeFiles(options.sbom ?? []),
    trustRoot,
  };
  const content = encodeCapsule(capsule);
  const report = await judge(content, trust, options.publicKey);
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

/** In the order of their digests, so that it does not matter how they were given. */
function encodeAll(evidence: readonly Evidence[]): Uint8Array[] {
  return evidence
    .map((each) => new Uint8Array(Buffer.from(JSON.stringify(each))))
    .map((content) => ({ content, digest: bytesToHex(sha256(content)) }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    .map(({ content }) => content);
}

async function judge(
  content: Uint8Array,
  trust: VerifyCapsuleOptions['trust'],
  publicKey: readonly string[] = [],
): Promise<CapsuleReport> {
  const publicKeys = await Promise.all(publicKey.map(readPublicKey));
  return verifyCapsule(content, { trust, publicKeys, verify: nodeVerifier, sha256 });
}

async function verify(file: string, options: VerifyOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const content = await readBounded(file, MAX_CAPSULE_BYTES);
  const report = await judge(content, await trustOf(options), options.publicKey);
  const { ok, steps, findings, warnings, graph, proofs, capsule } = report;
  if (!ok) context.exitCode = EXIT.refuted;
  if (options.svg !== undefined && graph !== undefined) {
    await writeFile(options.svg, graphSvg(graph, proofs));
  }
  if (options.extract !== undefined && ok) await writeFile(options.extract, capsule.file.content);
  if (options.json === true) {
    const { name, content: binary } = capsule.file;
    const nodes = graph?.nodes.map((node) => ({
      ...node,
      ...proofs?.find((proof) => proof.node === node.path),
    }));
    const about = { file: { name, sha256: bytesToHex(sha256(binary)) }, ...placeOf(report) };
    terminal.json({ ok, ...about, steps, findings, warnings, nodes });
    return;
  }
  for (const line of capsuleTree(report)) terminal.print(line);
  for (const { step, code, node, message } of findings) {
    terminal.print(`${terminal.style('red', 'no')}  ${step}  ${code}  ${node}: ${message}`);
  }
  terminal.print(closing(report));
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

function placeOf({ checkpoint, attestation }: CapsuleReport): {
  checkpoint: CapsuleReport['checkpoint'];
  attestation: CapsuleReport['attestation'];
} {
  return { checkpoint, attestation };
}

const ATTESTATION: Readonly<Record<CapsuleReport['attestation'], string>> = {
  none: 'no attestation of the integrator',
  unchecked: "the integrator's attestation was not checked: give --public-key",
  checked: 'attested by the integrator, not logged',
  logged: 'attested by the integrator, and logged',
};

function closing({ ok, checkpoint, attestation }: CapsuleReport): string {
  const { origin, size } = checkpoint;
  const told = `${ATTESTATION[attestation]}; everything against one checkpoint of ${origin}, ${size} entries`;
  return ok ? `every core module was reproduced; ${told}` : 'the capsule is refused';
}
