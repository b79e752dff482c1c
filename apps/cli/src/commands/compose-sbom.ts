import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  attestedSboms,
  compositionSbom,
  deriveGraph,
  manifestOf,
  readComposition,
  type NodeSbom,
} from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import type { Command } from 'commander';
import { readNodeFiles } from '../compose/node-files.js';
import { sourceDate } from '../compose/source-date.js';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readTrustRoot } from '../input.js';
import { sha256 } from '../native-hash.js';
import { VERSION } from '../version.js';

interface Options {
  evidence?: string[];
  trustRoot?: string;
  sbom?: string[];
  out?: string;
  json?: boolean;
}

export function registerCompositionSbom(compose: Command, context: Context): void {
  compose
    .command('sbom')
    .argument('<file>', 'a module or component')
    .description(
      'CycloneDX of all that is in the file, from its bytes and from what rebuilders attested',
    )
    .option('--evidence <file...>', 'evidence files; bills of materials in them are merged')
    .option('--trust-root <file>', 'with --evidence: log keys, rebuilders and policy you trust')
    .option('--sbom <node=file...>', 'a CycloneDX document that you were handed for a node')
    .option('-o, --out <file>', 'write it to this file instead of standard output')
    .option('--json', 'the document is JSON in any case; accepted for symmetry')
    .addHelpText(
      'after',
      '\nNames, versions and sources come from the manifest, if the file has one, and are marked as claimed.' +
        '\nNo time is written unless SOURCE_DATE_EPOCH is set.' +
        '\n\nExample:\n  touchstone compose sbom app.wasm --evidence a.evidence.json --trust-root trust-root.json -o bom.json',
    )
    .action((file: string, options: Options) => sbom(file, options, context));
}

async function sbom(file: string, options: Options, context: Context): Promise<void> {
  const { terminal, environment } = context;
  const bytes = await readBounded(file);
  const root = readComposition(bytes);
  const graph = deriveGraph(bytes, { root, sha256 });
  const { evidence, trustRoot, out } = options;
  if ((evidence === undefined) !== (trustRoot === undefined)) {
    throw new CliError('usage', '--evidence and --trust-root belong together', EXIT.usage);
  }
  const handed: NodeSbom[] = await readNodeFiles(options.sbom ?? []);
  const attested =
    evidence === undefined || trustRoot === undefined
      ? []
      : await attestedSboms(graph, {
          files: await Promise.all(evidence.map((path) => readBounded(path))),
          trustRoot: await readTrustRoot(trustRoot),
          verify: nodeVerifier,
          sha256,
        });
  const taken = new Set(attested.map(({ node }) => node));
  const both = handed.find(({ node }) => taken.has(node));
  if (both !== undefined) {
    const message = `${both.node} has an attested bill of materials; --sbom would replace it`;
    throw new CliError('usage', message, EXIT.usage);
  }
  const manifest = manifestOf(bytes, root)?.content;
  const timestamp = sourceDate(environment['SOURCE_DATE_EPOCH']);
  const document = compositionSbom(graph, {
    name: basename(file),
    ...(manifest?.form === 'v1' && { components: manifest.manifest.components }),
    sboms: [...attested, ...handed],
    toolVersion: VERSION,
    ...(timestamp !== undefined && { timestamp }),
  });
  const text = JSON.stringify(document, null, 2);
  if (out === undefined) terminal.print(text);
  else {
    await writeFile(out, `${text}\n`);
    terminal.note(
      `${out}: ${graph.nodes.length} nodes, ${attested.length + handed.length} bills of materials merged`,
    );
  }
}
