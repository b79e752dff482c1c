import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { RebuildError, systemCode } from '../errors.js';

/**
 * A toolchain is named and pinned by a lock: plain data, from which a root folder is made. Locks
 * that come with this package lie in `toolchains/`, one file `<name>-<version>.json` each.
 */

export const TOOLCHAIN_LOCK_SCHEMA = 'https://touchstone.dev/toolchain-lock/v1';

const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);
const Version = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$/);
const CommandName = z.string().regex(/^[A-Za-z0-9._+-]{1,64}$/);
/** Absolute within the root. */
const RootPath = z.string().regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9@._+-]+)+$/);

const Package = z.strictObject({
  name: z.string().regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/),
  version: z.string().min(1).max(64),
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
});

/** Node itself, and the host's C library that it is linked against. */
const Runtime = z.strictObject({
  kind: z.literal('node'),
  version: Version,
  /** By `process.arch`. */
  architectures: z.record(
    z.string(),
    z.strictObject({
      package: Package,
      /** Of the package, the one file that is taken. */
      file: z.string(),
      interpreter: RootPath,
      libraries: z.array(z.string().regex(/^[A-Za-z0-9._+-]+$/)).max(32),
    }),
  ),
});

/** What a command of a recipe's step runs. */
const Command = z.union([
  /** A process of its own for each invocation: this, and then the step's arguments. */
  z.strictObject({ argv: z.tuple([RootPath], z.string()) }),
  /** One of our own drivers, which runs invocations that follow each other in one process. */
  z.strictObject({ driver: Name }),
]);

export const ToolchainLock = z.strictObject({
  schema: z.literal(TOOLCHAIN_LOCK_SCHEMA),
  name: Name,
  version: Version,
  /** Who built it. */
  lineage: z.literal('npm'),
  runtime: Runtime,
  /** `path` is where in the root the package's files lie. */
  packages: z.array(Package.extend({ path: RootPath })).max(64),
  commands: z.record(CommandName, Command),
});

export type ToolchainLock = z.infer<typeof ToolchainLock>;
export type ToolchainRuntime = ToolchainLock['runtime']['architectures'][string];
export type ToolchainCommand = z.infer<typeof Command>;

const FOLDER = fileURLToPath(new URL('../../toolchains/', import.meta.url));

/**
 * The lock of that name and version.
 * @throws RebuildError `toolchain-unknown`, `toolchain-lock`
 */
export async function readToolchainLock(
  wanted: { name: string; version: string },
  folder: string = FOLDER,
): Promise<ToolchainLock> {
  const file = `${Name.parse(wanted.name)}-${Version.parse(wanted.version)}.json`;
  let text: string;
  try {
    text = await readFile(`${folder}/${file}`, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const known = (await readdir(folder)).map((name) => name.replace(/\.json$/, ''));
    throw new RebuildError(
      'toolchain-unknown',
      `there is no lock for toolchain ${wanted.name} ${wanted.version}; known: ${known.sort().join(', ')}`,
    );
  }
  return parseToolchainLock(text, file);
}

export function parseToolchainLock(text: string, file: string): ToolchainLock {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new RebuildError('toolchain-lock', `${file} is not JSON`, { cause: error });
  }
  const parsed = ToolchainLock.safeParse(document);
  if (!parsed.success)
    throw new RebuildError('toolchain-lock', `${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
