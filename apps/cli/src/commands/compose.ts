import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { signCose, signEnvelope, type Statement } from '@touchstone/attest';
import {
  composeManifest,
  compositionStatement,
  deriveGraph,
  embedManifest,
  manifestOf,
  parseClaims,
  readComposition,
  readManifests,
  verifyComposition,
  type AnyManifest,
  type CompositionManifest,
} from '@touchstone/compose';
import { readPrivateKey } from '@touchstone/keys';
import type { Signer } from '@touchstone/note';
import { Option, type Command } from 'commander';
import { registerComposeBuild } from './compose-build.js';
import { graphDot, graphLines } from '../compose/graph-view.js';
import { manifestLines, manifestView } from '../compose/manifest-view.js';
import { graphSvg } from '../compose/graph-svg.js';
import { sourceDate } from '../compose/source-date.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { sha256 } from '../native-hash.js';
import { registerCapsule } from './compose-capsule.js';
import { registerCompositionSbom } from './compose-sbom.js';
import { registerRevoke } from './compose-revoke.js';
import { registerComposeVerify } from './compose-verify.js';

interface Options {
  json?: boolean;
}

interface GraphOptions extends Options {
  dot?: boolean;
  svg?: boolean;
}

interface OutOptions extends Options {
  out: string;
}

interface EmbedOptions extends OutOptions {
  claims?: string;
}

interface AttestOptions extends OutOptions {
  key: string[];
  format: 'dsse' | 'cose';
}

export function registerCompose(program: Command, context: Context): void {
  const compose = program
    .command('compose')
    .description('what a component is made of, from its bytes, held against what is claimed')
    .addHelpText('after', '\nExample:\n  touchstone compose graph app.wasm');
  registerReading(compose, context);
  registerWriting(compose, context);
  registerComposeVerify(compose, context);
  registerComposeBuild(compose, context);
  registerCompositionSbom(compose, context);
  registerCapsule(compose, context);
  registerRevoke(compose, context);
}

function registerReading(compose: Command, context: Context): void {
  compose
    .command('graph')
    .argument('<file>', 'a module or component')
    .description('nested modules and components by digest, and who gives whom which import')
    .option('--json', 'print JSON')
    .option('--dot', 'print for Graphviz')
    .option('--svg', 'print as a picture')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone compose graph app.wasm\n  touchstone compose graph app.wasm --svg > app.svg',
    )
    .action((file: string, options: GraphOptions) => graph(file, options, context));
  compose
    .command('inspect')
    .argument('<file>', 'a module or component')
    .description('print the manifests in it, nested ones too; they are claims, see verify')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone compose inspect app.wasm')
    .action((file: string, options: Options) => inspect(file, options, context));
}

function registerWriting(compose: Command, context: Context): void {
  compose
    .command('embed')
    .argument('<file>', 'a module or component')
    .description('write a manifest of the derived graph into the file; other bytes stay')
    .requiredOption('-o, --out <file>', 'write the file with its manifest here')
    .option('--claims <file>', 'JSON: components (path or hash), composition, sboms, provenance')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nNo time is written unless the claims give one or SOURCE_DATE_EPOCH is set.' +
        '\n\nExample:\n  touchstone compose embed app.wasm --claims claims.json -o app.attested.wasm',
    )
    .action((file: string, options: EmbedOptions) => embed(file, options, context));
  compose
    .command('extract')
    .argument('<file>', 'a module or component with a manifest')
    .description('write the manifest of the file as JSON')
    .option('-o, --out <file>', 'write here, not to standard output')
    .option('--json', 'the manifest is JSON in any case; accepted for symmetry')
    .addHelpText('after', '\nExample:\n  touchstone compose extract app.wasm -o manifest.json')
    .action((file: string, options: { out?: string }) => extract(file, options, context));
  compose
    .command('attest')
    .argument('<file>', 'a module or component with a manifest')
    .description('sign what the file is composed of: an in-toto statement, in DSSE or COSE')
    .requiredOption('--key <file...>', "the integrator's private key; with COSE several may sign")
    .addOption(
      new Option('--format <name>', 'dsse: JSON; cose: CBOR in COSE_Sign')
        .choices(['dsse', 'cose'])
        .default('dsse'),
    )
    .requiredOption('-o, --out <file>', 'write the envelope here')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nA file whose manifest does not hold is refused.' +
        '\n\nExample:\n  touchstone compose attest app.wasm --key integrator.key -o app.dsse.json',
    )
    .action((file: string, options: AttestOptions) => attest(file, options, context));
}

async function graph(file: string, options: GraphOptions, { terminal }: Context): Promise<void> {
  const derived = deriveGraph(await readBounded(file), { sha256 });
  if (options.json === true) terminal.json({ file, ...derived });
  else if (options.dot === true) terminal.print(graphDot(derived));
  else if (options.svg === true) terminal.print(graphSvg(derived).trimEnd());
  else for (const line of graphLines(derived)) terminal.print(line);
}

async function inspect(file: string, options: Options, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  const manifests = readManifests(bytes, readComposition(bytes));
  if (manifests.length === 0) throw absent(file);
  if (options.json === true) {
    terminal.json({
      file,
      manifests: manifests.map(({ content, ...place }) => ({
        ...place,
        manifest: manifestView(content),
      })),
    });
  } else for (const line of manifests.flatMap(manifestLines)) terminal.print(line);
}

async function extract(
  file: string,
  { out }: { out?: string },
  { terminal }: Context,
): Promise<void> {
  const bytes = await readBounded(file);
  const found = manifestOf(bytes, readComposition(bytes));
  if (found === undefined) throw absent(file);
  const view = manifestView(found.content);
  if (out === undefined) terminal.json(view);
  else {
    await writeFile(out, `${JSON.stringify(view, null, 2)}\n`);
    terminal.note(`${out}: manifest of ${file}`);
  }
}

async function embed(file: string, options: EmbedOptions, context: Context): Promise<void> {
  const { terminal, environment } = context;
  const bytes = await readBounded(file);
  const given = options.claims === undefined ? {} : parseClaims(await readJson(options.claims));
  const timestamp = sourceDate(environment['SOURCE_DATE_EPOCH']);
  const composition = { ...(timestamp && { timestamp }), ...given.composition };
  const manifest = composeManifest(bytes, { sha256, claims: { ...given, composition } });
  const embedded = embedManifest(bytes, manifest);
  await writeFile(options.out, embedded);
  const digest = { sha256: Buffer.from(sha256(embedded)).toString('hex') };
  const { nodes, edges } = manifest.graph;
  const summary = { nodes: nodes.length, edges: edges.length, size: embedded.length, digest };
  if (options.json === true) terminal.json({ file: options.out, ...summary });
  else {
    terminal.print(`${options.out}: manifest of ${nodes.length} nodes and ${edges.length} edges`);
    terminal.print(`sha256:${digest.sha256}`);
  }
}

async function attest(file: string, options: AttestOptions, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  const signers = await Promise.all(options.key.map(readPrivateKey));
  const root = readComposition(bytes);
  const found = manifestOf(bytes, root);
  if (found === undefined) throw absent(file);
  const manifest = ourManifest(found.content, file);
  const report = await verifyComposition(bytes, { sha256 });
  const [first] = report.findings;
  if (first !== undefined)
    throw new CliError(first.code, `${file}: ${first.message}`, EXIT.refuted);
  const statement = compositionStatement(
    basename(file),
    deriveGraph(bytes, { sha256, root }),
    manifest,
  );
  await writeFile(options.out, await envelopeOf(statement, signers, options.format));
  if (options.json === true) terminal.json({ file: options.out, subject: statement.subject });
  else terminal.print(`${options.out}: attestation of ${file}`);
}

async function envelopeOf(
  statement: Statement,
  signers: readonly Signer[],
  format: AttestOptions['format'],
): Promise<Uint8Array | string> {
  if (format === 'cose') return signCose(statement, signers);
  const [signer, second] = signers;
  if (signer === undefined || second !== undefined) {
    throw new CliError('usage', 'a DSSE envelope has one signer; use --format cose', EXIT.usage);
  }
  return `${JSON.stringify(await signEnvelope(statement, signer))}\n`;
}

function ourManifest(content: AnyManifest, file: string): CompositionManifest {
  if (content.form === 'v1') return content.manifest;
  throw new CliError(
    'manifest-malformed',
    `${file} has an older manifest; embed one anew`,
    EXIT.usage,
  );
}

function absent(file: string): CliError {
  return new CliError('manifest-missing', `${file} has no composition manifest`, EXIT.absent);
}
