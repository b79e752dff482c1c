import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { isCose, parseEvidence, type Evidence } from '@touchstone/attest';
import { CAPSULE_SCHEMA, encodeCapsule, type Capsule } from '@touchstone/compose';
import { decodeUtf8, parseCheckpoint, parseNote, toBase64 } from '@touchstone/note';
import { TileReader } from '@touchstone/tlog';
import type { Command } from 'commander';
import { capsuleTree } from '../compose/capsule-view.js';
import { judgeCapsule, placeOf } from '../compose/judge-capsule.js';
import { readNodeFiles } from '../compose/node-files.js';
import { revocationsOf, type NodeTrustOptions } from '../compose/node-trust.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { keepSearch } from '../keep-search.js';
import { logFiles } from '../log-files.js';
import { bytesToHex } from '../log-reader.js';
import { index, newest } from '../log-view.js';
import { sha256 } from '../native-hash.js';
import { readCertificates } from '../pki/certificate-files.js';
import { readPublicKey } from '../public-key-file.js';

interface PackOptions {
  out: string;
  evidence: string[];
  trustRoot: string;
  log?: string;
  attestation?: string;
  attestationIndex?: number[];
  publicKey?: string[];
  certificate?: string;
  bundle?: string[];
  revocation?: string[];
  revokerKey?: string[];
  complete?: boolean;
  sbom?: string[];
  json?: boolean;
}

export function registerCapsulePack(capsule: Command, context: Context): void {
  capsule
    .command('pack')
    .argument('<file>', 'a module or component')
    .description('put a file, its evidence, attestation and bills of materials into one file')
    .requiredOption('-o, --out <file>', 'write the capsule here')
    .requiredOption('--evidence <file...>', 'evidence files: every core module must be reproduced')
    .requiredOption('--trust-root <file>', 'the trust root to judge by; it travels along')
    .option('--log <url|folder>', 'prove all evidence anew against its newest checkpoint')
    .option('--attestation <file>', 'envelope of touchstone compose attest, DSSE or COSE')
    .option(
      '--attestation-index <n...>',
      'with --log: the entry that it is logged as; of COSE one for each signature, in their order',
      indices,
    )
    .option('--public-key <file...>', 'with --attestation: key (PEM) of the integrator')
    .option('--certificate <file>', 'with --attestation: chain (PEM) of who signed it')
    .option('--revocation <file...>', 'revocation lists; they travel along')
    .option(
      '--revoker-key <file...>',
      'keys (PEM) of who may take a node back; with --log all that it has of theirs travels along',
    )
    .option(
      '--complete',
      'with --log: prove that no rebuild was left out of the evidence, and take the proof along',
    )
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
}

async function pack(file: string, options: PackOptions, { terminal }: Context): Promise<void> {
  const trustRoot = await readBounded(options.trustRoot);
  const trust = await readTrustRoot(options.trustRoot);
  const evidence = (await Promise.all(options.evidence.map((path) => readBounded(path)))).map(
    parseEvidence,
  );
  const revocations = await revocationsOf(revokerOptions(options));
  const wanted = {
    evidence: options.complete === true ? evidence : [],
    revokers: options.log === undefined ? [] : (revocations?.revokers ?? []),
  };
  const isWanted = wanted.evidence.length + wanted.revokers.length > 0;
  if (options.complete === true && options.log === undefined) {
    throw new CliError('usage', '--complete needs --log, the log to ask', EXIT.usage);
  }
  const search = isWanted ? await keepSearch(wanted, options.log ?? '', trust) : undefined;
  const { files, attestation } = await prove(evidence, options, search?.checkpoint);
  const capsule: Capsule = {
    schema: CAPSULE_SCHEMA,
    file: { name: basename(file), content: await readBounded(file) },
    evidence: files,
    ...(attestation && { attestation: { ...attestation, ...(await certificatesOf(options)) } }),
    ...(options.bundle && { bundles: await filesIn(options.bundle) }),
    ...(options.revocation && { revocations: await filesIn(options.revocation) }),
    ...(search && { search: search.bytes }),
    sboms: await readNodeFiles(options.sbom ?? []),
    trustRoot,
  };
  const content = encodeCapsule(capsule);
  const report = await judgeCapsule(content, {
    ...{ trust, publicKeys: await Promise.all((options.publicKey ?? []).map(readPublicKey)) },
    ...(revocations && { revocations: { ...revocations, files: [] } }),
    mustBeComplete: options.complete ?? false,
  });
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

/** With the lists alone that whoever may revoke is named for; other ones travel along unchecked. */
function revokerOptions({ revokerKey, revocation }: PackOptions): NodeTrustOptions {
  return revokerKey === undefined ? {} : { revokerKey, ...(revocation && { revocation }) };
}

/**
 * Evidence and attestation against one checkpoint: the newest of a log or the one that was just
 * searched, or the one they share.
 */
async function prove(
  evidence: readonly Evidence[],
  options: PackOptions,
  searched: string | undefined,
): Promise<{ files: Uint8Array[]; attestation?: NonNullable<Capsule['attestation']> }> {
  const { log, trustRoot, attestation: path, attestationIndex: at } = options;
  const envelope = path === undefined ? undefined : await readBounded(path);
  if (log === undefined) {
    if (at !== undefined) {
      throw new CliError('usage', '--attestation-index needs --log', EXIT.usage);
    }
    return { files: encodeAll(evidence), ...(envelope && { attestation: { envelope } }) };
  }
  const checkpoint = searched ?? decodeUtf8((await newest({ log, trustRoot })).bytes);
  const head = parseCheckpoint(parseNote(checkpoint).text);
  const reader = new TileReader(logFiles(log).read);
  const proofOf = (entry: number): Promise<Uint8Array[]> => {
    if (entry < head.size) return reader.inclusionProof(entry, head.size);
    throw new CliError('index-out-of-range', `the log has ${head.size} entries`, EXIT.absent);
  };
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
  const entries: NonNullable<NonNullable<Capsule['attestation']>['entries']> = [];
  for (const entry of at ?? []) {
    const proof = await proofOf(entry);
    entries.push({ leaf: await reader.entry(entry, head.size), index: entry, proof });
  }
  const [first] = entries;
  if (first === undefined) return { files, attestation: { envelope } };
  if (isCose(envelope)) return { files, attestation: { envelope, entries } };
  if (entries.length === 1) return { files, attestation: { envelope, ...first } };
  throw new CliError('usage', 'an envelope in DSSE has one entry', EXIT.usage);
}

function indices(text: string, before: readonly number[] = []): number[] {
  return [...before, index(text)];
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
