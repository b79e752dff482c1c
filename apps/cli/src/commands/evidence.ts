import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  evidenceBundles,
  narrowEvidence,
  type Evidence,
  type TrustRoot,
  REBUILD_PREDICATE_TYPE,
  PROVENANCE_PREDICATE_TYPE,
  SBOM_PREDICATE_TYPE,
} from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import type { Command } from 'commander';
import { coordinatorClient, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot } from '../input.js';
import { keepSearch } from '../keep-search.js';
import { coordinatorUrl } from './submit.js';

interface Options {
  coordinator: string;
  out?: string;
  trustRoot?: string;
  bundles?: string;
  log?: string;
  searchOut?: string;
}

export function registerEvidence(program: Command, context: Context): void {
  program
    .command('evidence')
    .argument('<id>', 'publication id')
    .description('fetch the evidence file of a publication: statements, proofs, one checkpoint')
    .option('--coordinator <url>', 'the coordinator', coordinatorUrl(context))
    .option('--out <file>', 'write it to this file instead of standard output')
    .option('--trust-root <file>', 'leave out statements by rebuilders that it does not name')
    .option(
      '--bundles <dir>',
      'also write each statement as a Sigstore bundle there, verified against --trust-root',
    )
    .option('--search-out <file>', 'also keep what --log has of it: for touchstone verify --search')
    .option('--log <url>', 'with --search-out: the log to ask')
    .option('--json', 'the evidence file is JSON in any case; accepted for symmetry')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone evidence <id> --out siphash24.evidence.json' +
        '\n  touchstone evidence <id> --out e.json --trust-root trust-root.json --bundles bundles' +
        '\n  touchstone evidence <id> --out e.json --trust-root trust-root.json' +
        ' --log http://127.0.0.1:7401 --search-out search.json',
    )
    .action((id: string, options: Options) => evidence(id, options, context));
}

async function evidence(id: string, options: Options, { terminal }: Context): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new CliError('id-malformed', `${id} is no publication id: 64 hex digits`, EXIT.usage);
  }
  const trustRoot =
    options.trustRoot === undefined ? undefined : await readTrustRoot(options.trustRoot);
  if (options.bundles !== undefined && trustRoot === undefined) {
    throw new CliError('key-missing', 'give --trust-root with --bundles', EXIT.usage);
  }
  const { log, searchOut } = options;
  if ((log === undefined) !== (searchOut === undefined) || (log && trustRoot === undefined)) {
    const message = '--search-out, --log and --trust-root belong together';
    throw new CliError('usage', message, EXIT.usage);
  }
  const all = await coordinatorClient(options.coordinator).evidence({ params: { id } });
  const document = trustRoot === undefined ? all : narrowEvidence(all, trustRoot);
  const left = all.entries.length - document.entries.length;
  if (left > 0) terminal.note(`left out ${left} statements by rebuilders of no concern here`);
  if (trustRoot !== undefined && options.bundles !== undefined) {
    const count = await writeBundles(document, trustRoot, options.bundles);
    terminal.note(`wrote ${count} bundles to ${options.bundles}`);
  }
  if (trustRoot !== undefined && log !== undefined && searchOut !== undefined) {
    const { bytes } = await keepSearch({ evidence: [document], revokers: [] }, log, trustRoot);
    await writeFile(searchOut, bytes);
    terminal.note(`wrote ${searchOut}: all that the log has of it`);
  }
  const text = `${JSON.stringify(document)}\n`;
  if (options.out === undefined) {
    terminal.print(text.trimEnd());
    return;
  }
  await writeFile(options.out, text);
  terminal.note(`wrote ${options.out}; check it offline with \`touchstone verify\``);
}

const KINDS = new Map([
  [REBUILD_PREDICATE_TYPE, 'rebuild'],
  [PROVENANCE_PREDICATE_TYPE, 'provenance'],
  [SBOM_PREDICATE_TYPE, 'sbom'],
]);

/** Named by who said what, and where it stands in the log. */
async function writeBundles(
  evidence: Evidence,
  trustRoot: TrustRoot,
  dir: string,
): Promise<number> {
  const bundles = await evidenceBundles(evidence, { trustRoot, verify: nodeVerifier });
  await mkdir(dir, { recursive: true });
  for (const { logIndex, rebuilder, predicateType, bundle } of bundles) {
    const what = KINDS.get(predicateType) ?? 'statement';
    const file = join(dir, `${logIndex}-${rebuilder}-${what}.sigstore.json`);
    await writeFile(file, `${JSON.stringify(bundle)}\n`);
  }
  return bundles.length;
}
