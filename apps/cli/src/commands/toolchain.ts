import { readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  addToolchainLock,
  assembleToolchain,
  collectToolchains,
  exportToolchain,
  findToolchain,
  firstDifference,
  formatToolchainLock,
  importToolchains,
  listToolchainLocks,
  parseToolchainLock,
  RebuildError,
  readTree,
  treeDigest,
  verifyToolchain,
  type TreeEntry,
} from '@touchstone/rebuild';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { DEFAULT_TOOLCHAINS } from '../rebuilding.js';
import { makeLock, type LockOptions } from '../toolchain/make-lock.js';
import { namedLock, openPlaces, type PlaceOptions } from '../toolchain/places.js';

const DAY = 86_400_000;

export function registerToolchain(program: Command, context: Context): void {
  const group = program
    .command('toolchain')
    .description('the compilers that rebuilds use: locks, and the roots that are made from them')
    .addHelpText('after', '\nExample:\n  touchstone toolchain ls');
  const verb = (name: string, summary: string, example: string): Command =>
    group
      .command(name)
      .description(summary)
      .option('--cache <dir>', 'folder for fetched files and roots', '.touchstone/cache')
      .option('--toolchains <dir>', `the operator's locks (TOOLCHAINS_DIR, ${DEFAULT_TOOLCHAINS})`)
      .option('--allow-private-registries', 'fetch from private and loopback addresses too')
      .option('--json', 'print the result as JSON')
      .addHelpText('after', `\nExample:\n  touchstone toolchain ${example}`);

  verb('ls', 'list toolchains, who built them, and which roots are here', 'ls').action(
    (options: PlaceOptions) => list(options, context),
  );
  registerLock(verb, context);
  verb('add', "install a lock into the operator's folder", 'add clang.json')
    .argument('<file>', 'lock (JSON)')
    .action((file: string, options: PlaceOptions) => add(file, options, context));
  verb('build', 'make the root of a lock', 'build debian-clang@22.1.8-1~deb13u4')
    .argument('<toolchain>', 'NAME@VERSION')
    .action((label: string, options: PlaceOptions) => build(label, options, context));
  verb('verify', 'hash a root again', 'verify wabt@1.0.12')
    .argument('<toolchain>', 'NAME@VERSION')
    .option('--tree <file>', "another organisation's tree: say which file differs")
    .action((label: string, options: PlaceOptions & { tree?: string }) =>
      verify(label, options, context),
    );
  verb('gc', 'remove roots that no build has used for a while', 'gc --unused-for 30')
    .option('--unused-for <days>', 'days since the last use', days, 30)
    .action((options: PlaceOptions & { unusedFor: number }) => collect(options, context));
  verb(
    'export',
    'pack a lock and its files for a machine without a network',
    'export wabt@1.0.12 --out usb',
  )
    .argument('<toolchain>', 'NAME@VERSION')
    .requiredOption('--out <dir>', 'folder to pack into')
    .option('--all-architectures', 'the files of every architecture, not of this one alone')
    .action((label: string, options: PlaceOptions & { out: string; allArchitectures?: boolean }) =>
      pack(label, options, context),
    );
  verb('import', 'take locks, packages and images from a folder', 'import usb')
    .argument('<folder>', 'what export wrote, or a folder of .deb, .tgz and OCI .tar files')
    .action((folder: string, options: PlaceOptions) => unpack(folder, options, context));
}

function registerLock(
  verb: (name: string, summary: string, example: string) => Command,
  context: Context,
): void {
  verb(
    'lock',
    'make a lock of what a distribution, a registry or an image has now',
    'lock debian clang@22 --suite trixie\n  touchstone toolchain lock npm assemblyscript@0.27.22' +
      '\n  touchstone toolchain lock image tinygo/tinygo@sha256:… --as 0.39.0 --command /usr/local/tinygo/bin/tinygo',
  )
    .argument('<lineage>', 'debian, npm or image')
    .argument(
      '<what>',
      'debian: clang@MAJOR, rust, go@VERSION, emscripten; npm: PACKAGE@VERSION; IMAGE@DIGEST',
    )
    .option('--suite <name>', 'debian: the suite', 'trixie')
    .option('--arch <names...>', 'x64, arm64', [process.arch])
    .option('--with <packages...>', 'debian: packages more')
    .option('--without <packages...>', 'debian: packages less, with what only they need; * matches')
    .option('--components', 'debian, npm: with what makes components of modules')
    .option('--keyring <file>', 'debian: keys that may sign the index')
    .option('--allow-expired-index', 'debian: take an index that is past its date')
    .option('--before <date>', 'npm: dependencies as published by then', date)
    .option('--libc <suite>', "npm: Debian's C library of that suite instead of the host's")
    .option('--as <version>', 'version of the toolchain')
    .option('--command <paths...>', 'image: where its commands lie')
    .option('--out <file>', "write the lock there instead of into the operator's folder")
    .action((lineage: string, what: string, options: LockOptions) =>
      lock(lineage, what, options, context),
    );
}

async function list(options: PlaceOptions, context: Context): Promise<void> {
  const places = await openPlaces(options, context);
  const rows = [];
  for (const { lock: found, origin } of await listToolchainLocks(places.locks)) {
    const built = await findToolchain(found, places.cache).catch((error: unknown) => {
      if (error instanceof RebuildError && error.code === 'toolchain-runtime') return undefined;
      throw error;
    });
    rows.push({
      name: found.name,
      version: found.version,
      lineage: found.lineage,
      origin,
      commands: Object.keys(found.commands),
      ...(built === undefined
        ? {}
        : { digest: { sha256: built.digest }, usedOn: built.usedOn.toISOString() }),
    });
  }
  if (options.json === true) context.terminal.json(rows);
  else
    for (const { name, version, lineage, origin, digest } of rows)
      context.terminal.print(
        `${`${name}@${version}`.padEnd(48)} ${lineage.padEnd(8)} ${origin.padEnd(8)} ${digest?.sha256 ?? 'not built'}`,
      );
}

async function lock(
  lineage: string,
  what: string,
  options: LockOptions,
  context: Context,
): Promise<void> {
  const places = await openPlaces(options, context);
  const made = await makeLock(lineage, what, options, places, context);
  let path = options.out;
  if (path === undefined) path = await addToolchainLock(made, places.locks);
  else await writeFile(path, formatToolchainLock(made));
  if (options.json === true) context.terminal.json({ path: resolve(path), lock: made });
  else context.terminal.print(`${made.name}@${made.version}: ${path}`);
}

async function add(file: string, options: PlaceOptions, context: Context): Promise<void> {
  const places = await openPlaces(options, context);
  const text = Buffer.from(await readBounded(file, 16 * 1024 * 1024)).toString('utf8');
  const parsed = parseToolchainLock(text, basename(file));
  const path = await addToolchainLock(parsed, places.locks);
  if (options.json === true)
    context.terminal.json({ path, name: parsed.name, version: parsed.version });
  else context.terminal.print(`${parsed.name}@${parsed.version}: ${path}`);
}

async function build(label: string, options: PlaceOptions, context: Context): Promise<void> {
  const places = await openPlaces(options, context);
  const { name, version, digest, root, dependencies } = await assembleToolchain(
    await namedLock(label, places),
    places.source,
    places.cache,
    places.assemble,
  );
  if (options.json === true)
    context.terminal.json({ name, version, digest: { sha256: digest }, root, dependencies });
  else context.terminal.print(`${name}@${version}: tree ${digest}\n${root}`);
}

async function verify(
  label: string,
  options: PlaceOptions & { tree?: string },
  context: Context,
): Promise<void> {
  const places = await openPlaces(options, context);
  const found = await findToolchain(await namedLock(label, places), places.cache);
  if (found === undefined)
    throw new CliError('toolchain-not-built', `${label} is not built here`, EXIT.absent);
  await verifyToolchain(found).catch((error: unknown) => {
    throw error instanceof RebuildError
      ? new CliError(error.code, error.message, EXIT.refuted, { cause: error })
      : error;
  });
  if (options.tree !== undefined) await compareTrees(found, options.tree);
  if (options.json === true) context.terminal.json({ digest: { sha256: found.digest }, ok: true });
  else context.terminal.print(`${label}: tree ${found.digest}, as recorded`);
}

/** Another organisation's tree is the file that `export` packs: its entries, which give its digest. */
async function compareTrees(
  found: { readonly root: string; readonly digest: string },
  file: string,
): Promise<void> {
  const theirs = treeEntries(await readFile(file, 'utf8'), file);
  if (treeDigest(theirs) === found.digest) return;
  const difference = firstDifference(theirs, await readTree(found.root));
  throw new CliError(
    'toolchain-differs',
    `this root is tree ${found.digest}, theirs ${treeDigest(theirs)}${difference}`,
    EXIT.refuted,
  );
}

function treeEntries(text: string, file: string): TreeEntry[] {
  try {
    const entries: unknown = JSON.parse(text);
    if (Array.isArray(entries) && entries.every((entry) => Array.isArray(entry)))
      return entries as unknown as TreeEntry[];
  } catch {
    // Told below.
  }
  throw new CliError('file-malformed', `${file} is no list of a tree's entries`, EXIT.usage);
}

async function collect(
  options: PlaceOptions & { unusedFor: number },
  context: Context,
): Promise<void> {
  const { cache } = await openPlaces(options, context);
  const removed = await collectToolchains(cache, new Date(Date.now() - options.unusedFor * DAY));
  if (options.json === true) context.terminal.json({ removed });
  else context.terminal.print(removed.length === 0 ? 'nothing to remove' : removed.join('\n'));
}

async function pack(
  label: string,
  options: PlaceOptions & { out: string; allArchitectures?: boolean },
  context: Context,
): Promise<void> {
  const places = await openPlaces(options, context);
  const packed = await exportToolchain(
    await namedLock(label, places),
    resolve(options.out),
    places.source,
    places.cache,
    { ...places.assemble, allArchitectures: options.allArchitectures === true },
  );
  if (options.json === true) context.terminal.json({ out: resolve(options.out), ...packed });
  else context.terminal.print(`${packed.files} files, ${packed.bytes} bytes in ${options.out}`);
}

async function unpack(folder: string, options: PlaceOptions, context: Context): Promise<void> {
  const { cache, locks, blobs } = await openPlaces(options, context);
  const images = join(cache, 'images');
  const taken = await importToolchains(resolve(folder), { cache, locks, images, blobs });
  const names = taken.locks.map(({ name, version }) => `${name}@${version}`);
  if (options.json === true) context.terminal.json({ locks: names, files: taken.files });
  else context.terminal.print([...names, `${taken.files} files`].join('\n'));
}

function days(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 36_500)) throw new InvalidArgumentError('must be a number of days');
  return value;
}

function date(text: string): Date {
  const value = new Date(text);
  if (Number.isNaN(value.getTime())) throw new InvalidArgumentError('must be a date: 2024-05-01');
  return value;
}
