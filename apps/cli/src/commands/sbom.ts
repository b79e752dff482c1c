import { writeFile } from 'node:fs/promises';
import {
  compareWithLockfile,
  cycloneDxDocument,
  readBinaryInventory,
  readPackagedSboms,
  readSbom,
  spdxDocument,
  validateSbom,
  type DependencyGraph,
  type InventoryComparison,
  type InventoryDifference,
} from '@touchstone/rebuild';
import { WasmError } from '@touchstone/wasm';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { readTree, sourceDateEpoch, unusable, usable } from '../sbom/source-tree.js';
import type { Terminal } from '../terminal.js';
import { VERSION } from '../version.js';

const FORMATS = ['cyclonedx-1.6', 'cyclonedx-1.7', 'spdx-2.3'] as const;
type Format = (typeof FORMATS)[number];

interface GenerateOptions {
  format: Format;
  out?: string;
  json?: boolean;
}

interface CompareOptions {
  sbom?: string[];
  wasm?: string[];
  package?: string[];
  json?: boolean;
}

export function registerSbom(program: Command, context: Context): void {
  const sbom = program
    .command('sbom')
    .description('bills of materials: from a lockfile, compared with others, checked')
    .addHelpText('after', '\nExample:\n  touchstone sbom generate . -o bom.json');
  sbom
    .command('generate')
    .argument('<path>', 'a lockfile, or a folder with one')
    .description('write what a lockfile names; the same lockfile gives the same bytes')
    .addOption(
      new Option('--format <format>', 'what to write').choices(FORMATS).default('cyclonedx-1.6'),
    )
    .option('-o, --out <file>', 'write to this file, and a summary to the terminal')
    .option('--json', 'with --out: print the summary as JSON (the document is JSON anyway)')
    .addHelpText(
      'after',
      '\nReads Cargo.lock (version 3, 4), go.mod with go.sum, package-lock.json and npm-shrinkwrap.json' +
        '\n(lockfileVersion 2, 3). No time is written unless SOURCE_DATE_EPOCH is set.' +
        '\n\nExamples:\n  touchstone sbom generate . -o bom.json' +
        '\n  touchstone sbom generate Cargo.lock --format spdx-2.3',
    )
    .action((path: string, options: GenerateOptions) => generate(path, options, context));
  sbom
    .command('compare')
    .argument('<path>', 'a lockfile, or a folder with one')
    .description('hold a lockfile against what a publisher or a binary says it was built with')
    .option('--sbom <file...>', 'bills of materials: CycloneDX or SPDX 2 in JSON')
    .option('--package <file...>', 'npm tarballs: every bill of materials inside')
    .option('--wasm <file...>', 'modules or components: their .dep-v0 or Go build information')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all agree, 1 something differs, 2 usage, 3 not found. Packages that only tests' +
        '\nneed may be missing, and a binary need not hold all that the lockfile names.' +
        '\n\nExample:\n  touchstone sbom compare . --sbom bom.cdx.json --wasm app.wasm',
    )
    .action((path: string, options: CompareOptions) => compare(path, options, context));
  sbom
    .command('validate')
    .argument('<file>', 'a bill of materials in JSON: CycloneDX 1.2 to 1.7, or SPDX 2.3')
    .description('check a document against its specification')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone sbom validate bom.json')
    .action((file: string, options: { json?: boolean }) => validate(file, options, context));
}

async function generate(path: string, options: GenerateOptions, context: Context): Promise<void> {
  const { terminal, environment } = context;
  const { file, graph } = await readTree(path);
  const settings = { toolVersion: VERSION, ...sourceDateEpoch(environment) };
  const document = documentOf(graph, options.format, settings);
  if (options.out === undefined) {
    terminal.json(document);
    return;
  }
  await writeFile(options.out, `${JSON.stringify(document, null, 2)}\n`);
  const { ecosystem, packages, complete, remarks } = graph;
  const summary = { file: options.out, format: options.format, lockfile: file, ecosystem };
  if (options.json === true) {
    terminal.json({ ...summary, packages: packages.length, complete, remarks });
    return;
  }
  terminal.print(`${options.out}: ${options.format}, ${packages.length} packages of ${file}`);
  for (const remark of remarks) terminal.print(terminal.style('dim', `  ${remark}`));
}

function documentOf(
  graph: DependencyGraph,
  format: Format,
  options: Parameters<typeof spdxDocument>[1],
): ReturnType<typeof spdxDocument> {
  if (format === 'spdx-2.3') return spdxDocument(graph, options);
  return cycloneDxDocument(graph, format === 'cyclonedx-1.7' ? '1.7' : '1.6', options);
}

/** One source held against the lockfile. */
interface Held extends InventoryComparison {
  readonly with: string;
  /** `CycloneDX 1.6`, `SPDX 2.3`, `.dep-v0`, …; absent when the source names no packages. */
  readonly said?: string;
  readonly producers?: unknown;
}

async function compare(path: string, options: CompareOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const { sbom = [], wasm = [], package: packages = [] } = options;
  if (sbom.length + wasm.length + packages.length === 0) {
    throw new CliError('nothing-to-compare', 'give --sbom, --package or --wasm', EXIT.usage);
  }
  const { file, graph } = await readTree(path);
  const held: Held[] = [];
  for (const name of sbom) {
    const bytes = await readBounded(name);
    held.push(
      holdSbom(
        name,
        usable(name, () => readSbom(bytes)),
        graph,
      ),
    );
  }
  for (const name of packages) {
    const found = await readPackagedSboms(await readBounded(name)).catch((error: unknown) => {
      throw unusable(name, error);
    });
    if (found.length === 0) terminal.note(`${name} holds no bill of materials`);
    held.push(...found.map((one) => holdSbom(`${name}:${one.path}`, one, graph)));
  }
  for (const name of wasm) held.push(holdBinary(name, await readBounded(name), graph));
  if (held.every(({ said }) => said === undefined)) {
    throw new CliError('nothing-to-compare', 'none of the files names a package', EXIT.absent);
  }
  const agrees = held.every((one) => one.agrees);
  if (!agrees) context.exitCode = EXIT.refuted;
  if (options.json === true) terminal.json({ lockfile: file, agrees, compared: held });
  else for (const one of held) printHeld(one, terminal);
}

function holdSbom(
  name: string,
  { format, version, items }: ReturnType<typeof readSbom>,
  graph: DependencyGraph,
): Held {
  return { with: name, said: `${format} ${version}`, ...compareWithLockfile(graph, items) };
}

function holdBinary(name: string, bytes: Uint8Array, graph: DependencyGraph): Held {
  try {
    const { said, items, producers } = readBinaryInventory(bytes);
    const nothing = { agrees: true, common: 0, differences: [] };
    return said === undefined
      ? { with: name, ...nothing, producers }
      : { with: name, said, ...compareWithLockfile(graph, items, { partial: true }), producers };
  } catch (error) {
    if (!(error instanceof WasmError)) throw unusable(name, error);
    throw new CliError(error.code, `${name}: ${error.message}`, EXIT.usage, { cause: error });
  }
}

function printHeld(held: Held, terminal: Terminal): void {
  const { said, agrees, common, differences } = held;
  const verdict = terminal.style(agrees ? 'green' : 'red', agrees ? 'agrees' : 'differs');
  terminal.print(
    said === undefined
      ? `${held.with}: names no packages`
      : `${held.with} (${said}): ${verdict}, ${common} packages in common`,
  );
  for (const difference of differences) terminal.print(`  ${differenceText(difference)}`);
}

function differenceText({ kind, name, expected, found, development }: InventoryDifference): string {
  const note = development ? ' (only for tests)' : '';
  if (kind === 'missing') return `missing  ${name} ${expected ?? ''}${note}`;
  if (kind === 'extra') return `extra    ${name} ${found ?? ''}${note}`;
  return `${kind.padEnd(8)} ${name}: lockfile ${expected ?? ''}, found ${found ?? ''}${note}`;
}

async function validate(
  file: string,
  options: { json?: boolean },
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const result = await validateSbom(await readBounded(file)).catch((error: unknown) => {
    throw unusable(file, error);
  });
  const { format, version, components, problems } = result;
  const valid = problems.length === 0;
  if (!valid) context.exitCode = EXIT.refuted;
  if (options.json === true) {
    terminal.json({ file, valid, ...result });
    return;
  }
  if (valid) terminal.print(`${file}: valid ${format} ${version}, ${components} components`);
  else terminal.print(`${file}: not valid ${format} ${version}`);
  for (const { at, message } of problems) terminal.print(`  ${at === '' ? '/' : at}: ${message}`);
}
