import { createHash } from 'node:crypto';
import { realpath, writeFile } from 'node:fs/promises';
import {
  readBinary,
  stripBinary,
  typeComponent,
  validateStructure,
  walkNodes,
  WasmError,
  witOf,
} from '@touchstone/wasm';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { ENGINE, refusedCode } from '../wasm-code.js';
import { inspectionLines, inspectNodes, listSections, sectionLines } from '../wasm-view.js';
import { registerWasmSignatures } from './wasm-signature.js';

interface Options {
  json?: boolean;
}

interface ValidateOptions extends Options {
  code?: boolean;
}

interface StripOptions extends Options {
  out: string;
  keep?: string[];
}

type Action<T> = (file: string, options: T, context: Context) => Promise<void>;

export function registerWasm(program: Command, context: Context): void {
  const wasm = program
    .command('wasm')
    .description('look into a WebAssembly module or component')
    .addHelpText('after', '\nExample:\n  touchstone wasm inspect module.wasm');
  const add = <T extends Options>(name: string, action: Action<T>): Command =>
    wasm
      .command(name)
      .argument('<file>', 'a module or component')
      .option('--json', 'print JSON')
      .action((file: string, options: T) => action(file, options, context));
  add('inspect', inspect)
    .description('what it is made of: nested modules and components, digests, imports, exports')
    .addHelpText('after', '\nExample:\n  touchstone wasm inspect app.component.wasm --json');
  add('sections', sections)
    .description('list every section at every level, with its place in the file')
    .addHelpText('after', '\nExample:\n  touchstone wasm sections app.component.wasm');
  add('strip', strip)
    .description('remove the custom sections at every level; every other byte stays')
    .requiredOption('-o, --out <file>', 'write the stripped binary to this file')
    .option('--keep <name...>', 'leave the custom sections of these names')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone wasm strip app.wasm -o app.stripped.wasm --keep producers',
    );
  add('wit', wit)
    .description('print the WIT of a component, or of a module with a component-type section')
    .addHelpText('after', '\nExample:\n  touchstone wasm wit app.component.wasm > app.wit');
  add('validate', validate)
    .description('check the structure, and the types of a component; the code of modules if asked')
    .option('--code', `have this Node's engine (${ENGINE}) check types and code of every module`)
    .addHelpText('after', '\nExample:\n  touchstone wasm validate app.component.wasm --code');
  registerWasmSignatures(wasm, context);
}

async function inspect(file: string, options: Options, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  const nodes = readable(file, () => inspectNodes(bytes, readBinary(bytes), nativeSha256));
  if (options.json === true) terminal.json({ file, size: bytes.length, nodes });
  else for (const line of inspectionLines(nodes)) terminal.print(line);
}

async function sections(file: string, options: Options, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  const rows = readable(file, () => listSections(readBinary(bytes)));
  if (options.json === true) terminal.json({ file, size: bytes.length, sections: rows });
  else for (const line of sectionLines(rows)) terminal.print(line);
}

async function strip(file: string, options: StripOptions, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  if (await isSameFile(file, options.out)) {
    throw new CliError('file-exists', `${options.out} is the input; give another`, EXIT.usage);
  }
  const stripped = readable(file, () => stripBinary(bytes, { keep: options.keep ?? [] }));
  await writeFile(options.out, stripped);
  const digest = { sha256: Buffer.from(nativeSha256(stripped)).toString('hex') };
  if (options.json === true) {
    terminal.json({ file: options.out, before: bytes.length, size: stripped.length, digest });
    return;
  }
  terminal.print(`${options.out}: ${stripped.length} bytes of ${bytes.length}`);
  terminal.print(`sha256  ${digest.sha256}`);
}

async function wit(file: string, options: Options, { terminal }: Context): Promise<void> {
  const bytes = await readBounded(file);
  const text = readable(file, () => witOf(bytes));
  if (options.json === true) terminal.json({ file, wit: text });
  else terminal.print(text.trimEnd());
}

async function validate(file: string, options: ValidateOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const bytes = await readBounded(file);
  try {
    const root = validateStructure(bytes);
    const nodes = [...walkNodes(root)].length;
    const checked = root.kind === 'component' ? 'structure and types' : 'structure';
    if (root.kind === 'component') typeComponent(bytes, root);
    const refused = options.code === true ? refusedCode(bytes, root) : undefined;
    if (refused !== undefined) {
      refuse({ code: 'code-refused', ...refused }, options, context);
    } else if (options.json === true) {
      const engine = options.code === true ? { engine: ENGINE } : {};
      terminal.json({ valid: true, checked, kind: root.kind, nodes, ...engine });
    } else {
      const count = `${nodes} node${nodes === 1 ? '' : 's'}`;
      const rest = `${root.kind === 'component' ? '' : 'types and '}code`;
      terminal.print(`${root.kind} of ${count}: ${checked} sound`);
      terminal.print(options.code === true ? `${rest} taken by ${ENGINE}` : `${rest} not checked`);
    }
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    const { code, offset, message } = error;
    refuse({ code, offset, message }, options, context);
  }
}

interface Refusal {
  readonly code: string;
  readonly offset: number;
  readonly message: string;
}

function refuse(error: Refusal, options: Options, context: Context): void {
  context.exitCode = EXIT.refuted;
  if (options.json === true) context.terminal.json({ valid: false, error });
  else context.terminal.print(`${error.code}: ${error.message}`);
}

/** A file that is neither module nor component is not usable by the other commands. */
function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    const message = `${file}: ${error.message}`;
    const exit = error.code === 'custom-missing' ? EXIT.absent : EXIT.usage;
    throw new CliError(error.code, message, exit, { cause: error });
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((path) => realpath(path).catch(() => '')));
  return first !== '' && first === second;
}

function nativeSha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}
