import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Recipe, ToolchainName } from '@touchstone/contract';
import {
  addToolchainLock,
  openSandbox,
  inferRecipes,
  listToolchainLocks,
  LockMaker,
  readOperatorSettings,
  readPackument,
  rebuild,
  type Inference,
  type InferredModule,
} from '@touchstone/rebuild';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { gather, type Gathered } from '../infer/gather.js';
import { readPublicationFiles, type Places, type PublicationFiles } from '../publication-files.js';
import { DEFAULT_TOOLCHAINS, localSources } from '../rebuilding.js';
import type { Terminal } from '../terminal.js';

interface Options {
  cache: string;
  toolchains?: string;
  source?: string;
  trustedRoot?: string;
  try?: boolean;
  bisect?: boolean;
  builds: number;
  out?: string;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

export function registerInfer(program: Command, context: Context): void {
  program
    .command('infer')
    .argument('<publication>', 'npm:NAME@VERSION, oci:HOST/NAME@DIGEST, or a .wasm file')
    .description('propose a recipe for a publication from its own files, and say why')
    .option('--try', 'build what is proposed, the likeliest first, until bytes are equal')
    .option('--bisect', 'find out which versions of the toolchain build which bytes')
    .option('--builds <count>', 'builds in all', count, 48)
    .option(
      '--source <source>',
      'look for the source here: npm:NAME@VERSION or git+https://…@COMMIT',
    )
    .option(
      '--trusted-root <file>',
      "Sigstore's trusted root for provenance in the registry (the public-good instance's)",
    )
    .option('-o, --out <file>', 'write the recipe to this file')
    .option('--cache <dir>', 'folder for tarballs and toolchains', '.touchstone/cache')
    .option('--toolchains <dir>', `the operator's locks (TOOLCHAINS_DIR, ${DEFAULT_TOOLCHAINS})`)
    .option('--allow-private-registries', 'fetch from private and loopback addresses too')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 a recipe reproduces every module (with --try) or is proposed for each, 1 not so,' +
        '\n2 usage, 3 not reached.\n\nExample:\n  touchstone infer npm:siphash24@1.3.1 --try -o recipe.json',
    )
    .action((publication: string, options: Options) => infer(publication, options, context));
}

function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('must be a number of builds');
  return Number(text);
}

async function infer(text: string, options: Options, context: Context): Promise<void> {
  const { terminal, stop } = context;
  const allowPrivate = options.allowPrivateRegistries === true;
  const cache = resolve(options.cache);
  const places = { ...(await localSources(cache, allowPrivate)), allowPrivate, signal: stop };
  const publication = await readPublicationFiles(text, places);
  const { clues, ...gathered } = await gather(publication, options, places);
  for (const note of gathered.notes) terminal.note(note);
  const locks = lockMaker(places, cache, options);
  const tries = options.try === true || options.bisect === true;
  const inference = await inferRecipes(clues, {
    most: options.builds,
    onAttempt: (line) => terminal.note(terminal.noteStyle('dim', `… ${line}`)),
    ...(tries ? { build: await builder(publication, places, cache, locks) } : {}),
    toolchains: await available(options, cache),
    ...(options.bisect === true ? { versions: versionsOf(places, options, cache) } : {}),
  });
  await keep(inference, locks, options, terminal);
  const good = inference.modules.every(
    ({ outcome }) => outcome === (tries ? 'reproduced' : 'untried'),
  );
  if (!good || inference.unexplained.length > 0 || inference.modules.length === 0)
    context.exitCode = EXIT.refuted;
  if (options.json === true) printJson(inference, gathered, terminal);
  else print(inference, terminal);
}

async function available(options: Options, cache: string): Promise<ToolchainName[]> {
  const locked = await listToolchainLocks(operatorFolder(options, cache));
  return locked.map(({ lock: { name, version } }) => ({ name, version }));
}

/** Every version of what npm brings, for its lock can be made now; of others those with a lock. */
function versionsOf(
  places: Places,
  options: Options,
  cache: string,
): (toolchain: string) => Promise<Iterable<string>> {
  return async (toolchain) => {
    if (toolchain === 'assemblyscript' || toolchain === 'wabt')
      return (await packument(places)(toolchain)).versions.keys();
    const locked = await available(options, cache);
    return locked.filter(({ name }) => name === toolchain).map(({ version }) => version);
  };
}

function packument({
  registries,
  allowPrivate,
}: Places): (name: string) => ReturnType<typeof readPackument> {
  return (name) => readPackument(registries, name, { allowPrivate });
}

function lockMaker(places: Places, cache: string, options: Options): LockMaker {
  return new LockMaker({
    folder: join(cache, 'inferred-toolchains'),
    operator: operatorFolder(options, cache),
    source: places.source,
    readPackument: packument(places),
  });
}

function operatorFolder(options: Options, cache: string): string {
  const told = readOperatorSettings(process.env, cache, false).toolchains;
  return resolve(options.toolchains ?? told ?? DEFAULT_TOOLCHAINS);
}

async function builder(
  { files, artifact }: PublicationFiles,
  { source, sources, signal, allowPrivate }: Places,
  cache: string,
  locks: LockMaker,
): Promise<(recipe: Recipe) => ReturnType<typeof rebuild>> {
  const sandbox = await openSandbox('auto');
  const settings = readOperatorSettings(process.env, cache, allowPrivate);
  const upload = artifact?.kind === 'upload' ? files.get(artifact.name) : undefined;
  return async (recipe) => {
    await locks.ensure(recipe.toolchain, signal);
    return rebuild(recipe, {
      ...settings,
      ...{ cache, source, sources, sandbox, signal },
      toolchains: join(cache, 'inferred-toolchains'),
      ...(upload === undefined ? {} : { readUpload: () => Promise.resolve(upload) }),
      limits: { wallMilliseconds: 300_000 },
    });
  };
}

/** The recipe, and the lock of a toolchain that nobody has yet: without it the recipe is no use. */
async function keep(
  { recipe }: Inference,
  locks: LockMaker,
  options: Options,
  terminal: Terminal,
): Promise<void> {
  if (recipe === undefined || options.out === undefined) return;
  await writeFile(options.out, `${JSON.stringify(recipe, null, 2)}\n`);
  terminal.note(`wrote ${options.out}`);
  if (await locks.isOwn(recipe.toolchain)) {
    const lock = await locks.read(recipe.toolchain);
    const path = await addToolchainLock(lock, operatorFolder(options, resolve(options.cache)));
    terminal.note(`the toolchain's lock is ${path}; whoever rebuilds the recipe needs it`);
  }
}

function print(
  { modules, unexplained, obstacles, builds, recipe }: Inference,
  terminal: Terminal,
): void {
  for (const inferred of modules) printModule(inferred, terminal);
  for (const { name, location } of unexplained)
    terminal.print(`${name} (${location.path}): ${terminal.style('yellow', 'no recipe')}`);
  for (const obstacle of obstacles) terminal.print(`  - ${obstacle}`);
  if (recipe !== undefined) terminal.print(JSON.stringify(recipe, null, 2));
  if (builds > 0) terminal.note(`${builds} builds`);
}

function printModule(inferred: InferredModule, terminal: Terminal): void {
  const { module, outcome, reasons, choices, distance, failure, versions = [] } = inferred;
  const style = outcome === 'reproduced' ? 'green' : 'yellow';
  terminal.print(`${module.name} (${module.location.path}): ${terminal.style(style, outcome)}`);
  for (const reason of reasons) terminal.print(`  - ${reason}`);
  for (const { name, value, why } of choices) terminal.print(`  - ${name} ${value}: ${why}`);
  if (outcome !== 'reproduced' && distance !== undefined)
    terminal.print(`  the best build differs in about ${distance} bytes of functions and sections`);
  if (failure !== undefined) terminal.print(`  ${failure}`);
  for (const { from, to, output, distance: away } of versions)
    terminal.print(
      `  ${inferred.recipe.toolchain.name} ${from === to ? from : `${from} … ${to}`}: ${output === undefined ? 'builds nothing' : away === 0 ? 'the published bytes' : `${away} bytes away`}`,
    );
}

function printJson(
  inference: Inference,
  gathered: Omit<Gathered, 'clues'>,
  terminal: Terminal,
): void {
  const bare = ({ bytes, ...module }: InferredModule['module']): object => ({
    ...module,
    size: bytes.length,
  });
  terminal.json({
    ...inference,
    modules: inference.modules.map((inferred) => ({ ...inferred, module: bare(inferred.module) })),
    unexplained: inference.unexplained.map(bare),
    ...gathered,
  });
}
